"""Published datasets: read a department's dataset, located by its contract and by the department's settings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from pydantic import ValidationError

from airnub_common import DATA_ROOT, checkout_around, named_data_root
from airnub_core.contracts.contract import FILE, FOLDER, Contract, versioned
from airnub_core.errors import DatasetError
from airnub_core.store.location import BucketAddress, block_variable, bucket_url
from airnub_data.columns import INTERNAL, Column, Schema, column_type, stored_type, type_name
from airnub_data.location import Location
from airnub_data.scan import published_rows
from airnub_data.table import Table

_SETTINGS = "configs/variables/{}/processing.yaml"
_KEY = "datasets"


def scan(
    department: str,
    name: str,
    *,
    version: int | None = None,
    as_of: int | datetime | None = None,
    internal: bool = False,
    location: Location | Path | str | None = None,
    root: Path | None = None,
) -> pl.LazyFrame:
    """Scan the rows of a dataset that a department publishes: the fields of its contract, with their types.

    Args:
        department: folder name of the department that publishes the dataset.
        name: name of the dataset, as in the file name of its contract.
        version: version of the contract. Default: the lowest published one, so that publishing version 2 changes
            nothing for readers of version 1.
        as_of: version of the table, as listed by `dataset history`, or a time (UTC without a time zone): the version
            that was current then. Fields that it did not have yet are left out. Default: the newest version.
        internal: include `_object` and `_record`, which identify the origin of each row.
        location: location of the department's datasets: a folder, the URL of a bucket, or a `Location` with
            credentials. Default: `datasets` in `configs/variables/<department>/processing.yaml`, relative to the data
            root.
        root: checkout with contracts and settings. Default: the one that this package runs from. Without a checkout, as
            in an image, `location` is required, and the table's own columns are returned: they match the contract,
            since `airnub check` compares the two before an image is built.

    Raises:
        DatasetError: the contract, the table or its version does not exist, the table does not match the contract, or
            the location is unknown.
        StoreError: the table cannot be read.
    """
    table, schema = open_published(department, name, version=version, as_of=as_of, location=location, root=root)
    return published_rows(table, schema, internal=internal)


def open_published(
    department: str,
    name: str,
    *,
    version: int | None = None,
    as_of: int | datetime | None = None,
    location: Location | Path | str | None = None,
    root: Path | None = None,
) -> tuple[Table, Schema]:
    """Open the table of a published dataset, and return it with the columns of its contract.

    Args and errors are those of `scan`.
    """
    dataset = f"{department}/{name}"
    root = root or checkout_around(Path(__file__))
    if root is None:
        return _of_table(dataset, location, name if version in {None, 1} else versioned(name, version), as_of)
    found = _contract(dataset, root, version)
    place = _located(dataset, location) if location is not None else _configured(dataset, found.root)
    table = _table(dataset, place, found, as_of)
    return table, _schema(dataset, table, found, complete=as_of is None)


@dataclass(frozen=True, slots=True)
class _Found:
    """A contract and its file."""

    root: Path
    path: str
    """Path of the file relative to `root`."""
    stem: str
    """Name of the table."""
    says: Contract


def _of_table(
    dataset: str, location: Location | Path | str | None, stem: str, as_of: int | datetime | None
) -> tuple[Table, Schema]:
    """Open a table without a contract, and return it with its own columns."""
    if location is None:
        raise DatasetError(
            dataset,
            "expected a checkout with departments/*/contracts around airnub_data, found an installation without one; "
            "pass location=, where the department's datasets are, or root=, the folder of a checkout",
        )
    place = _located(dataset, location)
    table = Table.open(place, stem, as_of)
    if table is None:
        reason = f"expected a Delta table at {place.name}/{stem}, found none; pass location= and version="
        raise DatasetError(dataset, reason)
    return table, {name: Column(dtype) for name, dtype in table.schema.items() if name not in INTERNAL}


def _contract(dataset: str, root: Path, version: int | None) -> _Found:
    department, _, name = dataset.partition("/")
    versions = _published(root)
    numbers = versions.get(dataset)
    if not numbers:
        names = ", ".join(sorted(versions)) or "none"
        near = get_close_matches(dataset, versions, n=1)
        advice = f"; did you mean {near[0]}?" if near else ""
        folder = f"departments/{department}/{FOLDER}"
        raise DatasetError(dataset, f"expected a contract {name}.v<N>.yaml in {folder}, found none{advice} "
                           f"(published are: {names})")  # fmt: skip
    number = min(numbers) if version is None else version
    if number not in numbers:
        there = ", ".join(f"v{one}" for one in sorted(numbers))
        raise DatasetError(dataset, f"expected a contract of version {number}, found {there}; pass version=")
    path = numbers[number]
    shown = path.relative_to(root).as_posix()
    try:
        says = Contract.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        reason = f"expected a contract in {shown}, found: {_first(error)}; `airnub check` lists every mistake"
        raise DatasetError(dataset, reason) from error
    if says.kind != "dataset":
        raise DatasetError(dataset, f"expected a dataset in {shown}, found an {says.kind}: it has no rows to scan")
    return _Found(root, shown, name if number == 1 else versioned(name, number), says)


def _published(root: Path) -> dict[str, dict[int, Path]]:
    """Return the files of all contracts by `department/name` and version."""
    found: dict[str, dict[int, Path]] = {}
    for path in root.glob(f"departments/*/{FOLDER}/*.yaml"):
        if match := FILE.fullmatch(path.name):
            found.setdefault(f"{path.parts[-3]}/{match['name']}", {})[int(match["version"])] = path
    return found


def _first(error: Exception) -> str:
    """Return the first message of an error, on one line."""
    if isinstance(error, ValidationError):
        one = error.errors()[0]
        return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
    return " ".join(str(error).split())


def _located(dataset: str, location: Location | Path | str) -> Location:
    if isinstance(location, Location):
        return location
    if isinstance(location, Path) or "://" not in location:
        return Location(Path(location))
    try:
        return Location(BucketAddress(bucket_url(location)))
    except ValueError as error:
        raise DatasetError(dataset, f"location: {error}") from error


def _configured(dataset: str, root: Path) -> Location:
    """Return the location to which a department's processing writes its datasets, according to its settings."""
    shown = _SETTINGS.format(dataset.partition("/")[0])
    advice = "; or pass location="
    try:
        settings = yaml.safe_load((root / shown).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DatasetError(dataset, f"expected `{_KEY}` in {shown}, found: {_first(error)}{advice}") from error
    value = settings.get(_KEY) if isinstance(settings, dict) else None
    if isinstance(value, Mapping) and isinstance(block := value.get("block"), str):
        return _of_block(dataset, block, shown)
    if not isinstance(value, str) or not value or "${" in value:
        expected = f"expected a folder or {{block: …}} as `{_KEY}` in {shown}"
        raise DatasetError(dataset, f"{expected}, found {_described(value)}{advice}")
    return Location((named_data_root() or root) / value)


def _of_block(dataset: str, block: str, shown: str) -> Location:
    """Return the bucket of a block, from the environment: the block's document is on the Prefect server."""
    variable = block_variable(block)
    url = os.environ.get(variable)
    if not url:
        raise DatasetError(
            dataset,
            f"expected {variable} in the environment, the URL of the bucket behind `{_KEY}: {{block: {block}}}` in "
            f"{shown}, found nothing; set it and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or pass location=",
        )
    try:
        return Location(BucketAddress(bucket_url(url)))
    except ValueError as error:
        raise DatasetError(dataset, f"{variable}: {error}") from error


def _described(value: Any) -> str:
    return "nothing" if value is None else repr(value)


def _table(dataset: str, place: Location, found: _Found, as_of: int | datetime | None) -> Table:
    table = Table.open(place, found.stem, as_of)
    if table is None:
        where = f"expected a Delta table at {place.name}/{found.stem} (contract {found.path})"
        alone = isinstance(place.root, Path) and place.has(f"{found.stem}.parquet")
        there = f"{found.stem}.parquet alone" if alone else "none"
        advice = f"run the processing of {dataset.partition('/')[0]} first, or set {DATA_ROOT} or location="
        raise DatasetError(dataset, f"{where}, found {there}; {advice}")
    return table


def _schema(dataset: str, table: Table, found: _Found, *, complete: bool) -> Schema:
    """Return the fields of the contract as columns, after comparing them with the table.

    Args:
        dataset: name of the dataset, for errors.
        table: table of the dataset.
        found: contract of the dataset.
        complete: whether every field must exist in the table.

    Raises:
        DatasetError: a field is missing or has a different type in the table.
    """
    types = {name: column_type(field.type) for name, field in found.says.fields.items()}
    has = table.schema
    there = {name: dtype for name, dtype in types.items() if name in has}
    wrong = [f"{name} as {type_name(dtype)}, found none" for name, dtype in types.items() if name not in has]
    wrong = wrong if complete else []
    for name, dtype in there.items():
        if has[name] != stored_type(dtype):
            wrong.append(f"{name} as {type_name(dtype)}, found {type_name(has[name])}")
    if wrong:
        where = f"in version {table.version} of {table.location.name}/{table.name}"
        advice = "run the processing again; a different type needs a new version of the contract"
        raise DatasetError(dataset, f"{found.path}: expected {'; expected '.join(wrong)} {where}; {advice}")
    return {name: Column(dtype, found.says.fields[name].nullable) for name, dtype in there.items()}
