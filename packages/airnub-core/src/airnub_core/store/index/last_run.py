"""The last run of a source or of a dataset: whether it has ended, and what failed in it.

URLs that fail leave nothing in the store. What reads a source later (`requires_complete` of a dataset), and what runs
again only what failed, knows of them from here.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Self

MOST = 10_000
"""Failures of a source that are kept one by one; of more the number is kept, and all of the source runs again."""


class Scope(StrEnum):
    """What a run is of."""

    SOURCE = "source"
    DATASET = "dataset"


class Failure(NamedTuple):
    """An item that failed."""

    url: str | None
    """Redacted; `None` of a dataset."""
    error: str


class LastRun(NamedTuple):
    """The last run of one source, or of one dataset; times are ISO 8601 in UTC."""

    name: str
    run: str
    began_at: str
    ended_at: str | None
    """`None` while it runs, and of one that was ended before its end."""
    failed: int
    """Items that failed; while it runs, those of the run before."""
    failures: Sequence[Failure]
    """The same one by one; none where they are more than `MOST`."""

    @property
    def is_complete(self) -> bool:
        """Whether it ended, and no item failed."""
        return self.ended_at is not None and not self.failed

    @classmethod
    def parse(cls, name: str, run: str, began_at: str, ended_at: str | None, failed: int, failures: str) -> Self:
        """As the tables have it."""
        return cls(name, run, began_at, ended_at, failed, [Failure(*one) for one in json.loads(failures)])


def rows_of(failures: Mapping[str, Sequence[Failure]]) -> list[tuple[str, int, str]]:
    """What the tables keep of failures by name: name, how many, and the list as JSON."""
    return [
        (name, len(of_name), json.dumps(list(of_name) if len(of_name) <= MOST else []))
        for name, of_name in failures.items()
    ]
