"""Files at known URLs."""

from collections.abc import Sequence

from airnub_core.engine import Engine
from airnub_core.items import Item
from airnub_core.outcome import Outcome
from airnub_core.sources.settings import FileSource
from airnub_core.sources.unlisted import Listed, with_warnings
from airnub_core.store.manifest import url_digest


def file_items(engine: Engine, sources: Sequence[FileSource]) -> list[Item]:
    """One item for each URL of each source that the engine wants, in order; one that is named twice is one item."""
    networks = [source.network(engine.network) for source in sources]
    return [
        Item(source.name, url, network, withdraws=source.withdraws)
        for source, network in zip(sources, networks, strict=True)
        for url in dict.fromkeys(source.urls)
        if engine.wants(source.name, url)
    ]


async def ingest_files(engine: Engine, sources: Sequence[FileSource]) -> list[Outcome]:
    """Fetch every URL of every source; one outcome each, in order.

    The first outcome of a source warns of URLs that are current although the source does not list them any more.

    Raises:
        StoreError: the store cannot be written.
    """
    outcomes = await engine.ingest(file_items(engine, sources))
    digests: dict[str, set[str]] = {}
    for source in sources:
        digests.setdefault(source.name, set()).update(map(url_digest, source.urls))
    return await with_warnings(engine.index, outcomes, {name: Listed(urls) for name, urls in digests.items()})
