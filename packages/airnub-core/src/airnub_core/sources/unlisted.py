"""URLs that were taken out of the settings: they stay current, and each run of their source warns of them."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from airnub_core.concurrency import in_thread
from airnub_core.outcome import Kind, Outcome
from airnub_core.store.index import Index
from airnub_core.store.made import made_url

NAMED = 5
"""URLs that a warning names."""
_SORTED = 1000
"""Of at most so many URLs those that a warning names are the first."""
_PRESENT = {Kind.STORED, Kind.UPDATED, Kind.UNCHANGED}


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
    present = Counter(outcome.source for outcome in outcomes if outcome.kind in _PRESENT)
    left = dict(listed)
    result: list[Outcome] = []
    for outcome in outcomes:
        of_source = left.pop(outcome.source, None)
        warning = None
        if of_source is not None:
            find = partial(_warning, index, outcome.source, of_source, present[outcome.source])
            warning = await in_thread(find)
        result.append(outcome if warning is None else replace(outcome, warning=warning))
    return result


def _warning(index: Index, source: str, listed: Listed, present: int) -> str | None:
    if listed.made is None:
        current = index.count(source)
        # A run that has all that is current costs no look at single URLs: a source may have a million.
        if current <= min(present, len(listed.url_digests)):
            return None
        number = current - len(index.lookup(source, listed.url_digests))
        urls = sorted(index.unlisted(source, listed.url_digests, _SORTED)) if number > 0 else []
    else:
        # A new index has the fragment that the URL of what is made ends with; `store forget` needs none.
        made = [row for row in index.current(source) if row.path.endswith(f"/{listed.made}")]
        unlisted = [row.url for row in made if row.url_digest not in listed.url_digests]
        urls = sorted(url.removesuffix(made_url("", listed.made)) for url in unlisted)
        number = len(urls)
    if not urls:
        return None
    which = "1 URL" if number == 1 else f"{number:,} URLs"
    shown = ", ".join(urls[:NAMED]) + (f" and {number - NAMED:,} more" if number > NAMED else "")
    return (
        f"the settings do not list {which} of {source} any more; current in the store: {shown}; "
        "`store forget URL` withdraws one"
    )
