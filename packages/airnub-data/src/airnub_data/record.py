"""Records: the metadata of a commit, and the list of its objects in a separate file.

<table>/_airnub/<code and objects>.parquet          the objects in their order, with their row counts by partition
<table>/_airnub/<code and objects>.moved.parquet    keys that are kept in a different partition
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import polars as pl

from airnub_common import sha256_hex
from airnub_core.outcome import CheckResult
from airnub_data.drift import Drift
from airnub_data.inputs import InputObject
from airnub_data.location import Location
from airnub_data.stage import StagedObject
from airnub_data.table import Table

FOLDER = "_airnub"
"""Folder within a table; Delta's vacuum ignores folders that begin with `_`."""


@dataclass(frozen=True, slots=True)
class Run:
    """The run that makes a dataset."""

    id: str | None = None
    """Id of the flow run."""
    flow: str | None = None
    """Name of the flow."""
    code_version: str | None = None
    """Version of the code that ran, as the caller reports it."""


@dataclass(frozen=True, slots=True)
class Record:
    """Metadata of a commit."""

    run: Run = Run()
    code: str = ""
    """Digest of the declaration and of the code that it reaches."""
    stage_code: str = ""
    """Digest of the parts of `code` that determine the rows of one object."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Parts of `code` by readable name, so that a change can be explained."""
    inputs: str = ""
    """Digest of the ordered list of objects, or of the content of the inputs."""
    input_versions: Sequence[Mapping[str, Any]] = ()
    """Version of each input of a dataset with inputs, as returned by `InputVersion.as_json`."""
    sidecar: str = ""
    """Path of the list of objects, relative to the table."""
    objects: int = 0
    """Number of objects."""
    size: int = 0
    """Total size of the table's files, in bytes."""
    rows_read: int = 0
    """Number of rows read, valid or not."""
    rows: int = 0
    """Row count of the table."""
    superseded: int = 0
    """Number of rows that a newer row with the same key replaced."""
    quarantined: int = 0
    """Number of quarantined rows."""
    quarantine_version: int | None = None
    """Version of the quarantine table that belongs to this commit; `None` if there is no such table."""
    drift: Sequence[Mapping[str, Any]] = ()
    """Differences between objects and the declaration, as returned by `Drift.as_json`."""
    seconds: float = 0.0
    """Duration of the run until the commit, in seconds."""
    checks: tuple[CheckResult, ...] = ()
    """Results of the checks, in the order of the declaration."""
    accepted: bool = False
    """Whether the commit was accepted despite exceeded limits or failed checks."""
    held: bool = False
    """Whether the commit is a rollback: runs skip the dataset until `release`."""
    restored: int | None = None
    """Version that a rollback restored."""

    @classmethod
    def last(cls, table: Table) -> Self | None:
        """Return the record of the newest commit of this program, or `None` if there is none."""
        commit = table.last()
        return None if commit is None else cls.parse(commit.record)

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> Self:
        """Parse the value in a commit. Fields that later releases added are ignored."""
        known = {name: value for name, value in record.items() if name in cls.__dataclass_fields__}
        run = {name: value for name, value in (record.get("run") or {}).items() if name in Run.__dataclass_fields__}
        checks = tuple(
            CheckResult(**{name: value for name, value in one.items() if name in CheckResult.__dataclass_fields__})
            for one in record.get("checks") or ()
        )
        return cls(**{**known, "run": Run(**run), "checks": checks})

    def as_json(self) -> dict[str, Any]:
        """Return a JSON-compatible mapping."""
        return asdict(self)


_OBJECTS = pl.Schema(
    {
        "digest": pl.String(),
        "path": pl.String(),
        "source": pl.String(),
        "changed_at": pl.String(),
        "rows_read": pl.Int64(),
        "quarantined": pl.Int64(),
        "partitions": pl.List(pl.Struct({"number": pl.Int32(), "rows": pl.Int64()})),
        "drift": pl.List(
            pl.Struct({"kind": pl.String(), "column": pl.String(), "record": pl.Int64(), "detail": pl.String()})
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Sidecar:
    """Objects that a version was made from, in their order, with row counts and drift."""

    objects: tuple[tuple[InputObject, StagedObject], ...] = ()
    moved: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Keys that are kept in a different partition, as returned by `keys.moved_keys`."""

    @staticmethod
    def name(code: str, inputs: str) -> str:
        """Return the path of the file of a version, relative to its table."""
        return f"{FOLDER}/{sha256_hex(f'{code} {inputs}'.encode())[:32]}.parquet"

    @classmethod
    def read(cls, location: Location, table: str, record: Record) -> Self:
        """Read the objects of a version; empty if the file is gone, since its content can be computed again."""
        content = location.read(f"{table}/{record.sidecar}") if record.sidecar else None
        if content is None:
            return cls()
        moved = location.read(f"{table}/{_moved(record.sidecar)}")
        objects = tuple(
            (
                InputObject(row["digest"], row["path"], row["source"], row["changed_at"]),
                StagedObject(
                    row["digest"], row["rows_read"], row["quarantined"],
                    {part["number"]: part["rows"] for part in row["partitions"]},
                    tuple(map(Drift.parse, row.get("drift") or ())),
                ),
            )
            for row in pl.read_parquet(io.BytesIO(content)).iter_rows(named=True)
        )  # fmt: skip
        return cls(objects, pl.DataFrame() if moved is None else pl.read_parquet(io.BytesIO(moved)))

    def write(self, location: Location, table: str, name: str) -> None:
        """Write the file unless it exists.

        Raises:
            StoreError: the file cannot be written.
        """
        if location.has(f"{table}/{name}"):
            return
        rows = [
            (*source, staged.rows_read, staged.quarantined,
             [{"number": number, "rows": rows} for number, rows in staged.partitions.items()],
             [{name: getattr(one, name) for name in ("kind", "column", "record", "detail")} for one in staged.drift])
            for source, staged in self.objects
        ]  # fmt: skip
        if len(self.moved):
            self._place(location, table, _moved(name), self.moved)
        self._place(location, table, name, pl.DataFrame(rows, schema=_OBJECTS, orient="row"))

    @staticmethod
    def _place(location: Location, table: str, name: str, frame: pl.DataFrame) -> None:
        file = location.temporary(table)
        frame.write_parquet(file)
        location.place(file, f"{table}/{name}")


def _moved(name: str) -> str:
    return f"{name.removesuffix('.parquet')}.moved.parquet"
