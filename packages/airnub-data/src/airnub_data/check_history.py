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
    """Time of the commit, in UTC."""
    rows: int
    """Row count."""
    checks: tuple[CheckResult, ...]
    """Results of the checks. A check that was declared after this version has no result here."""


def check_history(location: Location, name: str, limit: int) -> list[CheckedVersion]:
    """Return the last versions that runs committed, oldest first; an empty list if the table does not exist.

    A version that a rollback restored is left out: its checks ran when it was first committed.

    Args:
        location: location of the datasets.
        name: name of the table.
        limit: maximum number of versions.

    Raises:
        StoreError: the table cannot be read.
    """
    table = Table.open(location, name)
    if table is None:
        return []
    # A vacuum adds two commits without a record of rows.
    found: Sequence[tuple[int, datetime, Record]] = [
        (commit.version, commit.at, Record.parse(commit.record)) for commit in table.history(limit * 3) if commit.record
    ]
    made = [
        CheckedVersion(version, at, record.rows, record.checks)
        for version, at, record in found
        if record.restored is None
    ]
    return made[:limit][::-1]
