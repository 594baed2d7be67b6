"""Files at known URLs."""

from collections.abc import Sequence

from airnub_core.arrival import Item
from airnub_core.engine import Engine
from airnub_core.outcome import Outcome
from airnub_core.sources.settings import FileSource


def file_items(engine: Engine, sources: Sequence[FileSource]) -> list[Item]:
    """One item for each URL of each source, in order; a URL that a source names twice is one item."""
    networks = [source.network(engine.network) for source in sources]
    return [
        Item(source.name, url, network)
        for source, network in zip(sources, networks, strict=True)
        for url in dict.fromkeys(source.urls)
    ]


async def ingest_files(engine: Engine, sources: Sequence[FileSource]) -> list[Outcome]:
    """Fetch every URL of every source; one outcome each, in order.

    Raises:
        StoreError: the store cannot be written.
    """
    return await engine.ingest(file_items(engine, sources))
