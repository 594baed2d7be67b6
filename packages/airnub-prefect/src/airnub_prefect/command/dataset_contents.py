"""Contents of datasets: list them, show a declaration with its inputs, the history of versions, and the quarantine."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airnub_common import hex_of, redact_text
from airnub_core import StoreLocation
from airnub_core.contracts.limits import retention_text
from airnub_core.errors import DatasetError
from airnub_prefect.command.display import SHORT_DIGEST, echo, print_json, print_rows, time_text
from airnub_prefect.command.locations import Datasets
from airnub_prefect.errors import ArgumentError
from airnub_prefect.exit_codes import COMPLETED
from airnub_prefect.paths import shown

if TYPE_CHECKING:
    from airnub_data import Dataset, Location
    from airnub_data.table import Commit

_LISTED = ("dataset", "version", "rows", "quarantined", "size", "committed (UTC)", "state")


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
        return COMPLETED
    print_rows([_listed(row) for row in rows], [*_LISTED])
    return COMPLETED


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
        return COMPLETED
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
    return COMPLETED


def history(datasets: Datasets, name: str, *, as_json: bool) -> int:
    """List the versions of a dataset, the newest first."""
    from airnub_data import versions

    datasets.one(name)
    found = [_described(commit.version, commit) for commit in versions.history(datasets.location, name)]
    if as_json:
        print_json(found)
        return COMPLETED
    numbers = ("rows_read", "rows", "superseded", "quarantined", "seconds")
    rows = [
        {"version": one["version"], "committed (UTC)": time_text(one["committed_at"])}
        | {key: "" if one.get(key) is None else f"{one[key]:,}" for key in numbers}
        | {"note": _note(one)}
        for one in found
    ]
    print_rows(rows, ["version", "committed (UTC)", *numbers, "note"])
    return COMPLETED


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
        return COMPLETED
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
    return COMPLETED


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


def _row_origin(row: Mapping[str, Any]) -> str:
    """The origin of a row in quarantine; a row that was made from inputs has no object."""
    if row["object"] is None:
        return "from the inputs"
    return f"object {hex_of(row['object'])[:SHORT_DIGEST]}, record {row['record']:,}"


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
        "committed (UTC)": time_text(str(row.get("committed_at", ""))),
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
