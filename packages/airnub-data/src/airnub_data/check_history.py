"""Check history: the row counts and check results of the last versions of a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from airnub_core.outcome import CheckResult
from airnub_data.location import Location
from airnub_data.record import Record
from airnub_data.table import Table


@dataclass(frozen=True, slots=True)
class CheckedVersion:
    """One version of a dataset."""

    version: int
    at: datetime
    """Of its commit, in UTC."""
    rows: int
    checks: tuple[CheckResult, ...]
    """What its checks found; those of versions before a check was declared lack it."""


def check_history(location: Location, name: str, limit: int) -> list[CheckedVersion]:
    """The last versions that runs committed, the oldest first; none where there is no table.

    A version that came back by a rollback is left out, for it was judged when it was made.

    Raises:
        StoreError: the table cannot be read.
    """
    table = Table.open(location, name)
    if table is None:
        return []
    # A vacuum makes two commits that say nothing of rows.
    found: Sequence[tuple[int, datetime, Record]] = [
        (commit.version, commit.at, Record.parse(commit.record)) for commit in table.history(limit * 3) if commit.record
    ]
    made = [
        CheckedVersion(version, at, record.rows, record.checks)
        for version, at, record in found
        if record.restored is None
    ]
    return made[:limit][::-1]
