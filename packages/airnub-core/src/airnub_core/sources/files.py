"""Files at known URLs."""

from collections.abc import Sequence, Set
from dataclasses import replace
from functools import partial

from airnub_core.arrival import Item
from airnub_core.engine import Engine
from airnub_core.network.concurrency import in_thread
from airnub_core.outcome import Outcome
from airnub_core.sources.settings import FileSource
from airnub_core.store.index import Index
from airnub_core.store.manifest import url_digest

NAMED = 5
"""URLs that a warning names."""


def file_items(engine: Engine, sources: Sequence[FileSource]) -> list[Item]:
    """One item for each URL of each source, in order; a URL that a source names twice is one item."""
    networks = [source.network(engine.network) for source in sources]
    return [
        Item(source.name, url, network, withdraws=source.withdraws)
        for source, network in zip(sources, networks, strict=True)
        for url in dict.fromkeys(source.urls)
    ]


async def ingest_files(engine: Engine, sources: Sequence[FileSource]) -> list[Outcome]:
    """Fetch every URL of every source; one outcome each, in order.

    The first outcome of a source warns of URLs that are current although the source does not list them any more.

    Raises:
        StoreError: the store cannot be written.
    """
    outcomes = await engine.ingest(file_items(engine, sources))
    listed: dict[str, set[str]] = {}
    for source in sources:
        listed.setdefault(source.name, set()).update(map(url_digest, source.urls))
    warned: set[str] = set()
    for place, outcome in enumerate(outcomes):
        if outcome.source in warned:
            continue
        warned.add(outcome.source)
        warning = await in_thread(partial(_unlisted, engine.index, outcome.source, listed[outcome.source]))
        if warning is not None:
            outcomes[place] = replace(outcome, warning=warning)
    return outcomes


def _unlisted(index: Index, source: str, listed: Set[str]) -> str | None:
    """A sentence about the URLs that are current and that a source does not list, where there are some."""
    urls = sorted(url for digest, url in index.urls(source).items() if digest not in listed)
    if not urls:
        return None
    which = "1 URL" if len(urls) == 1 else f"{len(urls):,} URLs"
    shown = ", ".join(urls[:NAMED]) + (f" and {len(urls) - NAMED:,} more" if len(urls) > NAMED else "")
    return (
        f"the settings do not list {which} of {source} any more; current in the store: {shown}; "
        "`store forget URL` withdraws one"
    )
