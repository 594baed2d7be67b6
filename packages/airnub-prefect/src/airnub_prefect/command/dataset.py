"""The `dataset` commands: inspect and roll back datasets, without Prefect unless a block gives their location."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airnub_common import hex_of, redact_text
from airnub_core import StoreLocation
from airnub_core.contracts.limits import retention_text
from airnub_core.errors import DatasetError
from airnub_prefect.command.display import echo, print_json, print_rows
from airnub_prefect.command.store import SHORT_DIGEST, located
from airnub_prefect.department import Department
from airnub_prefect.errors import ArgumentError, ConfigurationError
from airnub_prefect.exit_codes import SUCCESS
from airnub_prefect.paths import data_path, shown
from airnub_prefect.session import prefect_session
from airnub_prefect.settings import DatasetSettings, StageSettings
from airnub_prefect.validation import load_yaml, nearest_or_all

if TYPE_CHECKING:
    from airnub_data import Dataset, Location
    from airnub_data.table import Commit

EXTRA = "airnub-prefect[datasets]"
"""Dependency of a department that makes datasets."""
_LISTED = ("dataset", "version", "rows", "quarantined", "size", "committed (UTC)", "state")


@dataclass(frozen=True)
class Datasets:
    """The datasets of a department, and their location."""

    declared: "Mapping[str, Dataset]"
    location: "Location"
    store: StoreLocation | None
    """`None` if the location of the store is unknown."""

    def one(self, name: str) -> "Dataset":
        """The declaration of a dataset.

        Raises:
            ArgumentError: the department declares no such dataset.
        """
        if name not in self.declared:
            reason = f"expected a dataset of the department, found {name!r}; {nearest_or_all(name, self.declared)}"
            raise ArgumentError.of("NAME", reason)
        return self.declared[name]


def find(department: Department, folder: Path | None, store: Path | None, config: Path | None) -> Datasets:
    """The datasets in a folder, else at the location in a YAML file, else in the processing's own YAML file.

    Args:
        department: the department.
        folder: folder of the datasets.
        store: folder of the content store that they are made from.
        config: YAML file with settings of the processing.

    Raises:
        ArgumentError: the folder does not exist.
        ConfigurationError: the location of the datasets is unknown, or the department has no datasets.
        ServerUnreachableError: the location is in a block, and the Prefect server does not answer.
    """
    kind = _processing(department)
    declared = _declarations(kind, department)
    path = config or kind.yaml_path()
    if folder is not None and config is None:
        if not folder.is_dir():
            raise ArgumentError.of("--datasets", f"expected a folder of datasets, found none at {shown(folder)}")
        from airnub_data import Location

        place = None if store is None else StoreLocation(store)
        return Datasets(declared, Location(folder), place)
    if path is None:
        raise ConfigurationError.of(
            kind.yaml_name(), "there is no such file in a checkout; name the folder with --datasets FOLDER"
        )
    settings = load_yaml(kind, path)
    place = StoreLocation(store) if store is not None else located(settings, with_index=True)
    return Datasets(settings.declared(), _location(settings), place)


def ls(datasets: Datasets, *, as_json: bool) -> int:
    """List every dataset that the department declares."""
    from airnub_data.table import Table

    rows = []
    for name, dataset in datasets.declared.items():
        table = Table.open(datasets.location, name)
        commit = None if table is None else table.last()
        row: dict[str, Any] = {"dataset": name, **_origin(dataset), "version": table and table.version}
        if commit is not None:
            row |= {key: commit.record.get(key) for key in ("rows", "quarantined", "size", "held")}
            row["committed_at"] = commit.at.isoformat()
        rows.append(row)
    if as_json:
        print_json(rows)
        return SUCCESS
    print_rows([_listed(row) for row in rows], [*_LISTED])
    return SUCCESS


def show(datasets: Datasets, name: str, as_of: str | None, *, as_json: bool) -> int:
    """Show the declaration of a dataset, the inputs of its version, and what the next run would do."""
    from airnub_data.code import parts
    from airnub_data.scan import open_table
    from airnub_data.table import Table

    dataset = datasets.one(name)
    version = _version(as_of)
    table = Table.open(datasets.location, name) if version is None else open_table(datasets.location, name, version)
    commit = None if table is None else table.last()
    published = dataset.published()
    document: dict[str, Any] = {
        "dataset": name,
        **_origin(dataset),
        "columns": {
            column: {"type": kind, "nullable": nullable, "unit": dataset.schema[column].unit}
            for column, (kind, nullable) in published.fields.items()
        },
        "key": list(dataset.key),
        "latest": dataset.latest,
        "partition_by": None if dataset.partition_by is None else repr(dataset.partition_by),
        "retention": retention_text(dataset.retention),
        "limits": {"max_quarantined": dataset.max_quarantined, "max_shrink": dataset.max_shrink},
        "checks": {
            check.name: {"expected": check.expected, "on_fail": check.on_fail, "over": check.over}
            for check in dataset.checks
        },
        "parts": dict(parts(dataset)),
        "table": datasets.location.uri(name),
        "version": None if table is None else _described(table.version, commit),
        "next_run": None
        if datasets.store is None and not dataset.inputs
        else _next_run(dataset, datasets.store, datasets.location),
    }
    if as_json:
        print_json(document)
        return SUCCESS
    echo(f"{name}, of {', '.join(dataset.sources or dataset.input_names)}")
    echo(f"  table         {_shown(datasets.location, name)}")
    for key in ("key", "latest", "partition_by", "retention"):
        value = document[key]
        if value:
            echo(f"  {key:<13} {', '.join(value) if isinstance(value, list) else value}")
    echo(f"  limits        {', '.join(f'{limit} {value}' for limit, value in document['limits'].items())}")
    for check in dataset.checks:
        echo(f"  check         {check.name}: {check.expected} (else {check.on_fail})")
    echo("  version       " + ("not made yet" if commit is None or table is None else _line(table.version, commit)))
    echo(f"  next run      {document['next_run'] or 'not known: name the store with --store FOLDER'}")
    echo("")
    print_rows(
        [
            {
                "column": column,
                "type": found["type"],
                "null": "yes" if found["nullable"] else "no",
                "unit": found["unit"] or "",
            }
            for column, found in document["columns"].items()
        ],
        ["column", "type", "null", "unit"],
    )
    return SUCCESS


def _origin(dataset: "Dataset") -> dict[str, list[str]]:
    """Sources of a dataset, and `inputs` if it has some."""
    inputs = {"inputs": list(dataset.input_names)} if dataset.inputs else {}
    return {"sources": list(dataset.sources), **inputs}


def _next_run(dataset: "Dataset", store: StoreLocation | None, location: "Location") -> str:
    from airnub_data.pending import pending

    try:
        return str(pending(dataset, store, location))
    except DatasetError as error:
        return f"fails: {error.reason}"


def history(datasets: Datasets, name: str, *, as_json: bool) -> int:
    """List the versions of a dataset, the newest first."""
    from airnub_data import versions

    datasets.one(name)
    found = [_described(commit.version, commit) for commit in versions.history(datasets.location, name)]
    if as_json:
        print_json(found)
        return SUCCESS
    numbers = ("rows_read", "rows", "superseded", "quarantined", "seconds")
    rows = [
        {"version": one["version"], "committed (UTC)": one["committed_at"][:19].replace("T", " ")}
        | {key: "" if one.get(key) is None else f"{one[key]:,}" for key in numbers}
        | {"note": _note(one)}
        for one in found
    ]
    print_rows(rows, ["version", "committed (UTC)", *numbers, "note"])
    return SUCCESS


def quarantine(datasets: Datasets, name: str, limit: int, *, as_json: bool) -> int:
    """Show the rows in quarantine: counts by rule, and examples with their text."""
    from airnub_data.columns import OBJECT, RECORD
    from airnub_data.conform import REASON
    from airnub_data.quarantine import FIRST_SEEN, read, sample, violations
    from airnub_data.stage import TEXT

    datasets.one(name)
    rows = read(datasets.location, name)
    found = violations(rows)
    count, some = sample(rows, limit)
    examples = [
        {
            "object": row[OBJECT],
            "record": row[RECORD],
            "reason": redact_text(row[REASON]),
            "text": redact_text(row[TEXT]),
            "first_seen": row[FIRST_SEEN].isoformat(),
        }
        for row in some
    ]
    if as_json:
        reasons = [{"rule": one.rule, "rows": one.rows, "example": one.example} for one in found]
        print_json({"dataset": name, "rows": count, "reasons": reasons, "examples": examples})
        return SUCCESS
    echo(f"{name}: {count:,} rows in quarantine")
    if found:
        print_rows(
            [{"rows": f"{one.rows:,}", "rule": one.rule, "first found": one.example} for one in found],
            ["rows", "rule", "first found"],
        )
    for one in examples:
        echo(f"{_row_origin(one)}: {one['reason']}")
        echo(f"    {one['text']}")
    if len(examples) < count:
        echo(f"and {count - len(examples):,} more rows; see --limit")
    return SUCCESS


def _row_origin(row: Mapping[str, Any]) -> str:
    """The origin of a row in quarantine; a row that was made from inputs has no object."""
    if row["object"] is None:
        return "from the inputs"
    return f"object {hex_of(row['object'])[:SHORT_DIGEST]}, record {row['record']:,}"


def rollback(datasets: Datasets, name: str, version: int) -> int:
    """Make an earlier version the current one, and hold the dataset."""
    from airnub_data import versions
    from airnub_data.parquet_copy import refresh_copy

    dataset = datasets.one(name)
    new = versions.rollback(datasets.location, name, version)
    if dataset.parquet_copy:
        refresh_copy(datasets.location, dataset)
    echo(
        f"{name}: version {new} has the rows of version {version}; runs do not update it until `dataset release {name}`"
    )
    return SUCCESS


def release(datasets: Datasets, name: str) -> int:
    """Allow runs to update a dataset again after a rollback."""
    from airnub_data import versions
    from airnub_data.record import Record
    from airnub_data.scan import open_table

    datasets.one(name)
    last = Record.last(open_table(datasets.location, name))
    if last is None or not last.held:
        echo(f"{name}: not held; nothing was changed")
        return SUCCESS
    versions.release(datasets.location, name)
    echo(f"{name}: released; the next run makes it from its sources")
    return SUCCESS


def vacuum(datasets: Datasets, names: Sequence[str], *, dry_run: bool, as_json: bool) -> int:
    """Remove files of expired versions and leftovers of killed runs, from all datasets or the named ones."""
    from airnub_data import versions
    from airnub_data.table import Table

    chosen = {name: datasets.one(name) for name in names} or datasets.declared
    removed = {
        name: versions.vacuum(datasets.location, name, dataset.retention, dry_run=dry_run)
        for name, dataset in chosen.items()
        if names or Table.open(datasets.location, name) is not None
    }
    if as_json:
        print_json([{"dataset": name, "files": files} for name, files in removed.items()])
        return SUCCESS
    for name, files in removed.items():
        kept = retention_text(chosen[name].retention)
        echo(
            f"{name}: {len(files):,} files {'would be' if dry_run else 'were'} removed; versions of {kept} can be read"
        )
        for file in files if dry_run else ():
            echo(f"    {file}")
    return SUCCESS


def _processing(department: Department) -> type[DatasetSettings]:
    for stage in department.stages:
        kind: type[StageSettings] = stage.load_settings()
        if issubclass(kind, DatasetSettings):
            return kind
    raise ConfigurationError.of(
        department.name, "expected a stage whose settings are DatasetSettings, found none: it has no datasets"
    )


def _declarations(kind: type[DatasetSettings], department: Department) -> "Mapping[str, Dataset]":
    try:
        return kind.declarations()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"airnub_data", "polars", "deltalake"}:
            raise
        reason = f"datasets need the dependency {EXTRA}, found no module {error.name}; add it, and run `uv sync`"
        raise ConfigurationError.of(department.name, reason) from error


def _location(settings: DatasetSettings) -> "Location":
    from airnub_data import Location

    if isinstance(settings.datasets, str):
        return Location(data_path(settings.datasets))
    with prefect_session() as session:
        from airnub_prefect.datasets import locate_datasets

        session.wait_until_ready()
        return asyncio.run(locate_datasets(settings))


def _shown(location: "Location", name: str) -> str:
    return shown(location.root / name) if isinstance(location.root, Path) else location.uri(name)


def _version(text: str | None) -> int | datetime | None:
    """A version by its number or by a time.

    Raises:
        ArgumentError: the text is neither.
    """
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        reason = f"expected a version such as 3, or a time such as 2026-11-01T12:00:00Z, found {text!r}"
        raise ArgumentError.of("--as-of", reason) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _described(version: int, commit: "Commit | None") -> dict[str, Any]:
    if commit is None:
        return {"version": version}
    return {"version": version, "committed_at": commit.at.isoformat(), "operation": commit.operation} | dict(
        commit.record
    )


def _listed(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["version"] is None:
        return dict.fromkeys(_LISTED, "") | {"dataset": row["dataset"], "state": "not made yet"}
    counts = {key: f"{row.get(key) or 0:,}" for key in ("rows", "quarantined", "size")}
    return {
        "dataset": row["dataset"],
        "version": row["version"],
        **counts,
        "committed (UTC)": str(row.get("committed_at", ""))[:19].replace("T", " "),
        "state": "held: `dataset release`" if row.get("held") else "",
    }


def _line(version: int, commit: "Commit") -> str:
    record = commit.record
    origin = _versions(record, "version {version} of {dataset}") or f"{record.get('objects', 0):,} objects"
    return (
        f"{version}, committed {commit.at:%Y-%m-%d %H:%M:%S} UTC: {record.get('rows', 0):,} rows of {origin}, "
        f"{record.get('superseded', 0):,} superseded, {record.get('quarantined', 0):,} quarantined"
    )


def _versions(record: Mapping[str, Any], form: str) -> str:
    """The versions of the inputs of a version."""
    return ", ".join(form.format(**one) for one in record.get("input_versions") or ())


def _note(one: Mapping[str, Any]) -> str:
    notes = []
    if one.get("restored") is not None:
        notes.append(f"rolled back to {one['restored']}" if one["held"] else "released")
    if versions := _versions(one, "{dataset} {version}"):
        notes.append(f"of {versions}")
    if one.get("accepted"):
        notes.append("accepted beyond its limits")
    if failed := [check["name"] for check in one.get("checks") or () if not check["passed"]]:
        notes.append(f"checks failed: {', '.join(failed)}")
    if "rows" not in one:  # a commit without a record, such as that of a vacuum
        notes.append(one["operation"].lower())
    if run := (one.get("run") or {}).get("id"):
        notes.append(f"run {run}")
    return ", ".join(notes)
