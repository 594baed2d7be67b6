"""Input versions: the current version of each input of a dataset, and its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import polars as pl

from airnub_common import sha256_hex
from airnub_core.errors import DatasetError
from airnub_data.columns import Schema, type_name
from airnub_data.dataset import Dataset
from airnub_data.lineage import published_name
from airnub_data.location import Location
from airnub_data.published_datasets import open_published
from airnub_data.scan import published_rows
from airnub_data.table import Table


@dataclass(frozen=True, slots=True)
class InputVersion:
    """Version of an input that a dataset is made from, as recorded in its commit."""

    dataset: str
    """Table name, or `department/name`."""
    version: int
    """Version of its table."""
    rows: int
    """Row count."""
    digest: str
    """Digest of the files and columns; commits that change no rows, such as those of a vacuum, do not change it."""

    def __str__(self) -> str:
        return f"version {self.version} of {self.dataset}"

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> Self:
        """Parse the value in a commit record. Fields that later releases added are ignored."""
        return cls(**{name: value[name] for name in cls.__dataclass_fields__ if name in value})

    def as_json(self) -> dict[str, Any]:
        """Return a JSON-compatible mapping."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class OpenInput:
    """An input opened at its current version."""

    version: InputVersion
    rows: pl.LazyFrame
    """Rows as readers see them: with the declared types, or those of the contract, and without internal columns."""


def open_inputs(
    dataset: Dataset, location: Location, published: Mapping[str, Location] | None = None
) -> list[OpenInput]:
    """Open the inputs of a dataset at their current versions, in order; after a rollback, the restored one is current.

    Args:
        dataset: declaration with the inputs.
        location: location of the datasets of the same department.
        published: locations of the datasets of other departments, by department. Default: as resolved by `scan`.

    Raises:
        DatasetError: an input has no version yet, or lacks a column.
        StoreError: an input cannot be read.
    """
    return [
        _published(dataset, given, published or {}) if isinstance(given, str) else _own(dataset, given, location)
        for given in dataset.inputs
    ]


def digest_of_versions(versions: Sequence[InputVersion]) -> str:
    """Return one digest of the content of all inputs: 64 hexadecimal digits."""
    return sha256_hex("\n".join(f"{one.dataset} {one.digest}" for one in versions).encode())


def _own(dataset: Dataset, given: Dataset, location: Location) -> OpenInput:
    table = Table.open(location, given.stem)
    if table is None:
        raise DatasetError(
            dataset.stem,
            f"expected a version of its input {given.stem}, found no table {location.name}/{given.stem}; run "
            f"the processing, which makes it first; if {given.stem} failed, correct its error before",
        )
    if missing := [name for name in given.schema if name not in table.schema]:
        raise DatasetError(
            dataset.stem,
            f"expected the columns {', '.join(missing)} in version {table.version} of its input {given.stem}, found "
            f"none: {given.stem} was not made after they were declared; run the processing, and see why it failed",
        )
    return _open(given.stem, table, given.schema)


def _published(dataset: Dataset, given: str, published: Mapping[str, Location]) -> OpenInput:
    department, name, version = published_name(given)
    try:
        table, schema = open_published(department, name, version=version, location=published.get(department))
    except DatasetError as error:
        raise DatasetError(dataset.stem, f"its input {given}: {error.reason}") from error
    return _open(given, table, schema)


def _open(name: str, table: Table, schema: Schema) -> OpenInput:
    files = table.files()
    columns = [(column, type_name(declared.dtype)) for column, declared in schema.items()]
    content = sorted((file.path, file.size, file.rows) for file in files.values())
    digest = sha256_hex(repr((content, columns)).encode())
    rows = sum(file.rows for file in files.values())
    return OpenInput(InputVersion(name, table.version, rows, digest), published_rows(table, schema))
