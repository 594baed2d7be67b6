"""Tables: a Delta table as a set of named files, with commits that fail if a different writer committed first."""

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
"""Delta refuses a commit whose number of this application was taken: so of two writers one fails, also where both only
add files, which Delta alone would let pass with every row twice."""
_METADATA = "airnub"
"""The key of a commit's metadata that is ours: JSON."""
_ROWS_STAY = ("VACUUM", "SET TBLPROPERTIES")
"""How the operations of commits begin that change no row: removing files takes two of them."""
_RETENTIONS = ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration")
"""Properties of a table: how long its versions, and files that went, can be read."""
_CHECKPOINTS = "100"
"""Commits between two checkpoints."""


class ConflictError(DatasetError):
    """Another writer committed first; look again, and commit anew."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "expected to commit the next version, found that another writer was faster; try again")


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file of a table, as a commit adds it."""

    path: str
    """Relative to the table."""
    size: int
    rows: int
    stats: Mapping[str, Any]
    """`minValues`, `maxValues` and `nullCount` by column, as Delta's log has them."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One version of a table, and what it says of itself."""

    version: int
    at: datetime
    operation: str
    record: Mapping[str, Any]
    """What the writer recorded, empty for commits that are not ours."""


class Table:
    """One Delta table, as it was when it was opened."""

    def __init__(self, location: Location, name: str, opened: DeltaTable, *, is_newest: bool = True) -> None:
        self.location = location
        self.name = name
        self._opened = opened
        self._is_newest = is_newest

    @classmethod
    def open(cls, location: Location, name: str, version: int | datetime | None = None) -> "Table | None":
        """The table at its newest version or an earlier one, `None` where there is none.

        Raises:
            DatasetError: there is no such version.
            StoreError: it cannot be read.
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
        """Refuse a time before the first version that is kept: Delta gives that version for it."""
        at = next(self.history(1)).at
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        if time < at:
            reason = f"expected a time from {at} on, which is version {self.version}, found {time}"
            raise DatasetError(self.name, f"{reason}; no earlier version is kept")

    @property
    def version(self) -> int:
        """Its version, from 0 on."""
        return self._opened.version()

    @property
    def schema(self) -> pl.Schema:
        """Its columns, in polars' types."""
        return pl.Schema(self._opened.schema().to_arrow())

    def files(self) -> dict[str, "TableFile"]:
        """Its files by path."""
        found = pl.DataFrame(self._opened.get_add_actions(flatten=True))
        if found.is_empty():
            return {}
        rows = found.select("path", "size_bytes", "num_records").iter_rows()
        return {path: TableFile(path, size, count, {}) for path, size, count in rows}

    def largest(self, column: str, paths: Collection[str] | None = None) -> Any:
        """The largest value of a column in all of its files or some, as its log has it; `None` where it has none.

        Times are rounded up to a millisecond.
        """
        found = pl.DataFrame(self._opened.get_add_actions(flatten=True))
        if f"max.{column}" not in found.columns:
            return None
        if paths is not None:
            found = found.filter(pl.col("path").is_in(list(paths)))
        return found[f"max.{column}"].max()

    def scan(self) -> pl.LazyFrame:
        """Its rows, with internal columns."""
        return pl.scan_delta(self._opened)

    def last(self) -> Commit | None:
        """The newest commit that is ours; `None` where the log was cleaned of it."""
        for limit in (1, 10, None):
            for commit in self.history(limit):
                if commit.record:
                    return commit
        return None

    def history(self, limit: int | None = None) -> Iterator[Commit]:
        """Its versions, the newest first, as far as its log goes.

        Raises:
            StoreError: the log cannot be read.
        """
        opened, newer = self._opened, 0
        try:
            if not self._is_newest:
                # Deltalake reads the newest commits of the log whatever version is opened, and numbers them from that
                # on.
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
        """Whether its rows are those of an earlier version: nothing but vacuums and properties came after it."""
        if version is None or version > self.version:
            return False
        later = self.version - version
        return not later or all(commit.operation.startswith(_ROWS_STAY) for commit in self.history(later))

    def commit(self, add: Sequence[TableFile], remove: Sequence[TableFile], schema: pl.Schema, record: object) -> int:
        """Publish the next version in one step.

        Args:
            add: files that are in their places.
            remove: files that do not belong to it any more.
            schema: its columns; where they differ from today's, every file must be replaced.
            record: what the commit says of itself, as JSON.

        Returns:
            The version.

        Raises:
            ConflictError: another writer committed since this table was opened.
            StoreError: it cannot be written.
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
        """Make an earlier version the newest one.

        Raises:
            ConflictError, DatasetError, StoreError: as `open` and `commit`.
        """
        following = self.version + 1
        with _committing(self.location, self.name):
            self._opened.restore(version, commit_properties=_properties(following, record))
        self.location.synced(_log_file(self.name, following))
        return following

    def keep(self, retention: timedelta) -> None:
        """Keep versions for this time; where it is another one than before, that is a version of its own.

        Raises:
            ConflictError: another writer committed since this table was opened.
            StoreError: it cannot be written.
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
        """Remove files that no version within the retention refers to, orphans among them; their paths.

        Raises:
            StoreError: they cannot be removed.
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
    """Create a table with its first files, in one step; its version, 0.

    Raises:
        ConflictError: another writer created it first.
        StoreError: it cannot be written.
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
