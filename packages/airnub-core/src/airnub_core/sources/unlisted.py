"""URLs that were taken out of the settings: they stay current, and each run of their source warns of them."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from airnub_core.network.concurrency import in_thread
from airnub_core.outcome import Outcome
from airnub_core.store.index import Index
from airnub_core.store.made import made_url

NAMED = 5
"""URLs that a warning names."""


class Listed(NamedTuple):
    """What the settings of a source list."""

    url_digests: Set[str]
    """SHA-256 of each URL."""
    made: str | None = None
    """The file name of what is made from their answers, where this is compared and not what they answered."""


async def with_warnings(index: Index, outcomes: Sequence[Outcome], listed: Mapping[str, Listed]) -> list[Outcome]:
    """Outcomes, the first of each source with a warning of URLs that are current and that its settings do not list.

    Args:
        index: knows what is current.
        outcomes: of a run.
        listed: by source; the outcomes of others are left as they are.

    Raises:
        StoreError: the index cannot be read.
    """
    left = dict(listed)
    result: list[Outcome] = []
    for outcome in outcomes:
        of_source = left.pop(outcome.source, None)
        warning = None
        if of_source is not None:
            warning = await in_thread(partial(_warning, index, outcome.source, of_source))
        result.append(outcome if warning is None else replace(outcome, warning=warning))
    return result


def _warning(index: Index, source: str, listed: Listed) -> str | None:
    if listed.made is None:
        current = index.urls(source)
    else:
        # A new index has the fragment that the URL of what is made ends with; `store forget` needs none.
        made = [row for row in index.current(source) if row.path.endswith(f"/{listed.made}")]
        current = {row.url_digest: row.url.removesuffix(made_url("", listed.made)) for row in made}
    urls = sorted(url for digest, url in current.items() if digest not in listed.url_digests)
    if not urls:
        return None
    which = "1 URL" if len(urls) == 1 else f"{len(urls):,} URLs"
    shown = ", ".join(urls[:NAMED]) + (f" and {len(urls) - NAMED:,} more" if len(urls) > NAMED else "")
    return (
        f"the settings do not list {which} of {source} any more; current in the store: {shown}; "
        "`store forget URL` withdraws one"
    )
