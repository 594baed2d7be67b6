"""Records: the metadata of a commit, and the list of its objects in a separate file.

<table>/_airnub/<code and objects>.parquet          the objects in their order, with their rows by partition
<table>/_airnub/<code and objects>.moved.parquet    keys that are kept in another partition
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
"""Within a table; Delta's vacuum leaves folders that begin with `_` alone."""


@dataclass(frozen=True, slots=True)
class Run:
    """Who makes a dataset."""

    id: str | None = None
    flow: str | None = None
    code_version: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What a commit says of itself."""

    run: Run = Run()
    code: str = ""
    """A digest of the declaration and of the code that it reaches."""
    stage_code: str = ""
    """A digest of the part of it that decides what the rows of one object are."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """What `code` is made of, by name, so that a person can see what changed."""
    inputs: str = ""
    """A digest of the ordered list of objects, or of what the inputs hold."""
    input_versions: Sequence[Mapping[str, Any]] = ()
    """Of a dataset with inputs, the version of each, as `InputVersion.as_json` gives it."""
    sidecar: str = ""
    """The file with the list, relative to the table."""
    objects: int = 0
    size: int = 0
    """Bytes of the table's files."""
    rows_read: int = 0
    rows: int = 0
    superseded: int = 0
    """Rows that a newer one of their key replaced."""
    quarantined: int = 0
    quarantine_version: int | None = None
    drift: Sequence[Mapping[str, Any]] = ()
    """Where objects differ from the declaration, as `Drift.as_json` gives it."""
    seconds: float = 0.0
    checks: tuple[CheckResult, ...] = ()
    """What its checks found, in the order of the declaration."""
    accepted: bool = False
    """Whether it was let through beyond its limits, or with checks that failed."""
    held: bool = False
    """Whether it is a rollback, after which nothing is made until `release`."""
    restored: int | None = None
    """The version that a rollback went back to."""

    @classmethod
    def last(cls, table: Table) -> Self | None:
        """What the newest commit of ours says, `None` where there is none."""
        commit = table.last()
        return None if commit is None else cls.parse(commit.record)

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> Self:
        """A record as a commit holds it; fields of later versions are left out."""
        known = {name: value for name, value in record.items() if name in cls.__dataclass_fields__}
        run = {name: value for name, value in (record.get("run") or {}).items() if name in Run.__dataclass_fields__}
        checks = tuple(
            CheckResult(**{name: value for name, value in one.items() if name in CheckResult.__dataclass_fields__})
            for one in record.get("checks") or ()
        )
        return cls(**{**known, "run": Run(**run), "checks": checks})

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
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
    """The objects that a version was made of, in their order, with what is known of their rows."""

    objects: tuple[tuple[InputObject, StagedObject], ...] = ()
    moved: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Keys that are kept in another partition, as `keys.moved_keys` gives them."""

    @staticmethod
    def name(code: str, inputs: str) -> str:
        """The file of a version, relative to its table."""
        return f"{FOLDER}/{sha256_hex(f'{code} {inputs}'.encode())[:32]}.parquet"

    @classmethod
    def read(cls, location: Location, table: str, record: Record) -> Self:
        """The objects of a version; none where the file is gone, for all of it can be made again."""
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
        """Write the file, where it is not there.

        Raises:
            StoreError: it cannot be written.
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
