"""Tables: a Delta table as a set of named files, with commits that fail if another writer committed first."""

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from airnub_core.errors import DatasetError, StoreError
from airnub_data.location import Location

_TRANSACTION = "airnub"
"""Application id of Delta transactions. Delta rejects a commit whose transaction number was already used: so one of two
writers fails, even if both only add files, which Delta alone would accept, with every row twice."""
_METADATA = "airnub"
"""Key of this program's JSON in the metadata of a commit."""
_ROWS_STAY = ("VACUUM", "SET TBLPROPERTIES")
"""Prefixes of the operations of commits that change no row: a vacuum commits twice."""
_RETENTIONS = ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration")
"""Table properties for the retention of versions and of removed files."""
_CHECKPOINTS = "100"
"""Number of commits between two checkpoints."""


class ConflictError(DatasetError):
    """Another writer committed first; reopen the table and commit again, as `make` does up to 50 times."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "expected to commit the next version, found that another writer was faster; try again")


@dataclass(frozen=True, slots=True)
class TableFile:
    """File of a table, as a commit adds it."""

    path: str
    """Path relative to the table."""
    size: int
    """Size in bytes."""
    rows: int
    """Row count."""
    stats: Mapping[str, Any]
    """`minValues`, `maxValues` and `nullCount` by column, in the format of the Delta log."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One version of a table, and the metadata of its commit."""

    version: int
    at: datetime
    """Time of the commit, in UTC."""
    operation: str
    """Operation as in the Delta log, such as `WRITE` or `VACUUM START`."""
    record: Mapping[str, Any]
    """Record of the writer; empty for commits of other programs."""


class Table:
    """One Delta table, at the version at which it was opened."""

    def __init__(self, location: Location, name: str, opened: DeltaTable, *, is_newest: bool = True) -> None:
        self.location = location
        self.name = name
        self._opened = opened
        self._is_newest = is_newest

    @classmethod
    def open(cls, location: Location, name: str, version: int | datetime | None = None) -> "Table | None":
        """Open a table at its newest version, at a version number, or at the version that was current at a time.

        Returns:
            `None` if the table does not exist.

        Raises:
            DatasetError: the version does not exist or is no longer kept.
            StoreError: the table cannot be read.
        """
        if isinstance(version, int) and version < 0:
            raise DatasetError(name, f"expected a version from 0 on, found {version}")
        try:
            opened = DeltaTable(
                location.uri(name),
                version=version if isinstance(version, int) else None,
                storage_options=location.options,
            )
            if isinstance(version, datetime):
                opened.load_as_version(version)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            if version is not None and cls.open(location, name) is not None:
                reason = f"expected a version that is kept, found none for {version}: {_first_line(error)}"
                raise DatasetError(name, reason) from error
            raise StoreError(f"{location.name}/{name}", _first_line(error)) from error
        table = cls(location, name, opened, is_newest=version is None)
        if isinstance(version, datetime):
            table._require_at(version)
        return table

    def _require_at(self, time: datetime) -> None:
        """Reject a time before the first version that is kept, for which Delta returns that version."""
        at = next(self.history(1)).at
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        if time < at:
            reason = f"expected a time from {at} on, which is version {self.version}, found {time}"
            raise DatasetError(self.name, f"{reason}; no earlier version is kept")

    @property
    def version(self) -> int:
        """Version number, 0 or more."""
        return self._opened.version()

    @property
    def schema(self) -> pl.Schema:
        """Columns with their polars types."""
        return pl.Schema(self._opened.schema().to_arrow())

    def files(self) -> dict[str, "TableFile"]:
        """Return the files of this version by path, without their statistics."""
        found = pl.DataFrame(self._opened.get_add_actions(flatten=True))
        if found.is_empty():
            return {}
        rows = found.select("path", "size_bytes", "num_records").iter_rows()
        return {path: TableFile(path, size, count, {}) for path, size, count in rows}

    def largest(self, column: str, paths: Collection[str] | None = None) -> Any:
        """Return the maximum of a column over all files or some of them, from the Delta log; `None` without statistics.

        Timestamps are rounded up to a millisecond.
        """
        found = pl.DataFrame(self._opened.get_add_actions(flatten=True))
        if f"max.{column}" not in found.columns:
            return None
        if paths is not None:
            found = found.filter(pl.col("path").is_in(list(paths)))
        return found[f"max.{column}"].max()

    def scan(self) -> pl.LazyFrame:
        """Scan all rows, with internal columns."""
        return pl.scan_delta(self._opened)

    def last(self) -> Commit | None:
        """Return the newest commit of this program; `None` if it is no longer in the log."""
        for limit in (1, 10, None):
            for commit in self.history(limit):
                if commit.record:
                    return commit
        return None

    def history(self, limit: int | None = None) -> Iterator[Commit]:
        """Yield the versions up to this one, newest first, as far as the log reaches.

        Raises:
            StoreError: the log cannot be read.
        """
        opened, newer = self._opened, 0
        try:
            if not self._is_newest:
                # Deltalake reads the newest commits of the log whatever version is opened, and numbers them from that
                # version on.
                opened = DeltaTable(self.location.uri(self.name), storage_options=self.location.options)
                newer = opened.version() - self.version
            entries = opened.history(None if limit is None else limit + newer)[newer:]
        except (DeltaError, OSError) as error:
            raise StoreError(f"{self.location.name}/{self.name}", _first_line(error)) from error
        for entry in entries:
            yield Commit(
                int(entry["version"]),
                datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
                str(entry["operation"]),
                json.loads(entry.get(_METADATA) or "{}"),
            )

    def has_content_of(self, version: int | None) -> bool:
        """Return whether its rows are those of an earlier version: only vacuums and property changes followed."""
        if version is None or version > self.version:
            return False
        later = self.version - version
        return not later or all(commit.operation.startswith(_ROWS_STAY) for commit in self.history(later))

    def commit(self, add: Sequence[TableFile], remove: Sequence[TableFile], schema: pl.Schema, record: object) -> int:
        """Commit the next version atomically.

        Args:
            add: files that are already in their final paths.
            remove: files that no longer belong to the table.
            schema: columns of the version; if they differ from the current ones, every file must be replaced.
            record: metadata of the commit, JSON-compatible.

        Returns:
            The new version.

        Raises:
            ConflictError: another writer committed since this table was opened.
            StoreError: the commit cannot be written.
        """
        version = self.version + 1
        now = int(time.time() * 1000)
        changed = schema != self.schema
        removed = [
            RemoveAction(path=file.path, data_change=True, deletion_timestamp=now, size=file.size, partition_values={})
            for file in remove
        ]
        with _committing(self.location, self.name):
            self._opened.create_write_transaction(
                [*map(_added, add), *([] if changed else removed)],
                "overwrite" if changed else "append",
                _delta_schema(schema),
                commit_properties=_properties(version, record),
            )
        self.location.synced(_log_file(self.name, version))
        return version

    def restore(self, version: int, record: object) -> int:
        """Make an earlier version the newest one, as a new version.

        Returns:
            The new version.

        Raises:
            ConflictError, DatasetError, StoreError: as for `open` and `commit`.
        """
        following = self.version + 1
        with _committing(self.location, self.name):
            self._opened.restore(version, commit_properties=_properties(following, record))
        self.location.synced(_log_file(self.name, following))
        return following

    def keep(self, retention: timedelta) -> None:
        """Set the retention of versions and removed files; a change is a commit of its own.

        Raises:
            ConflictError: another writer committed since this table was opened.
            StoreError: the commit cannot be written.
        """
        interval = _interval(retention)
        found = self._opened.metadata().configuration
        if all(found.get(name) == interval for name in _RETENTIONS):
            return
        following = self.version + 1
        with _committing(self.location, self.name):
            self._opened.alter.set_table_properties(
                dict.fromkeys(_RETENTIONS, interval), commit_properties=CommitProperties(max_commit_retries=0)
            )
        self.location.synced(_log_file(self.name, following))

    def vacuum(self, hours: int, *, dry_run: bool) -> list[str]:
        """Remove files that no version within the retention refers to, including orphans.

        Args:
            hours: retention.
            dry_run: only list the files.

        Returns:
            Paths of the files, relative to the table.

        Raises:
            ConflictError: another writer committed at the same time.
            StoreError: a file cannot be removed.
        """
        with _committing(self.location, self.name):
            return self._opened.vacuum(hours, dry_run=dry_run, enforce_retention_duration=False, full=True)


def create(
    location: Location,
    name: str,
    add: Sequence[TableFile],
    schema: pl.Schema,
    record: object,
    retention: timedelta = timedelta(days=30),
) -> int:
    """Create a table with its first files in one commit.

    Returns:
        The version, 0.

    Raises:
        ConflictError: another writer created the table first.
        StoreError: the table cannot be written.
    """
    configuration: dict[str, str | None] = {
        "delta.checkpointInterval": _CHECKPOINTS,
        **dict.fromkeys(_RETENTIONS, _interval(retention)),
    }
    try:
        with _committing(location, name):
            create_table_with_add_actions(
                location.uri(name),
                _delta_schema(schema),
                list(map(_added, add)),
                mode="error",
                partition_by=[],
                configuration=configuration,
                storage_options=location.options,
                commit_properties=_properties(0, record),
            )
    except StoreError:
        if Table.open(location, name) is not None:
            raise ConflictError(name) from None
        raise
    location.synced(_log_file(name, 0))
    return 0


def _interval(retention: timedelta) -> str:
    return f"interval {int(retention.total_seconds()) // 3600} hours"


def _delta_schema(schema: pl.Schema) -> Schema:
    return Schema.from_arrow(schema)


def _added(file: TableFile) -> AddAction:
    return AddAction(
        path=file.path,
        size=file.size,
        partition_values={},
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": file.rows, **file.stats}),
    )


def _properties(version: int, record: object) -> CommitProperties:
    return CommitProperties(
        custom_metadata={_METADATA: json.dumps(record)},
        max_commit_retries=0,
        app_transactions=[Transaction(_TRANSACTION, version)],
    )


def _log_file(name: str, version: int) -> str:
    return f"{name}/_delta_log/{version:020}.json"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


@contextmanager
def _committing(location: Location, name: str) -> Iterator[None]:
    try:
        yield
    except CommitFailedError as error:
        raise ConflictError(name) from error
    except (DeltaError, OSError) as error:
        raise StoreError(f"{location.name}/{name}", _first_line(error)) from error
