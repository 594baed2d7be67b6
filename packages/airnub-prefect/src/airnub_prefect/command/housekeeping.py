"""The `housekeeping` command: the cleanup of a department, without Prefect unless a block gives a location."""

from pathlib import Path

from airnub_core import StoreLocation
from airnub_prefect.cleanup import Cleanup, clean_up
from airnub_prefect.command.display import echo, echo_error, print_json, print_rows
from airnub_prefect.command.locations import existing_store, find_datasets, store_location
from airnub_prefect.department import Department
from airnub_prefect.exit_codes import COMPLETED, FAILED
from airnub_prefect.settings import SourceSettings
from airnub_prefect.validation import load_yaml

_COLUMNS = ("what", "place", "files", "bytes", "removed files", "removed bytes")


def run_housekeeping(
    department: Department, store: Path | None, datasets: Path | None, *, dry_run: bool, as_json: bool
) -> int:
    """Clean up the stores and datasets of a department; `FAILED` if the cleanup of a place failed.

    Args:
        department: the department.
        store: folder of the store, in place of those in the settings.
        datasets: folder of the datasets, in place of that in the settings.
        dry_run: remove nothing.
        as_json: print a JSON document.

    Raises:
        ConfigurationError: a location is unknown, or the folder of `store` does not exist.
        ServerUnreachableError: a location is in a block, and the Prefect server does not answer.
    """
    makes_datasets = any(stage.makes_datasets() for stage in department.stages)
    found = find_datasets(department, datasets, store, None) if makes_datasets else None
    places = [existing_store(StoreLocation(store))] if store is not None else _stores(department)
    result = clean_up(places, None if found is None else (found.location, found.declared), dry_run=dry_run)
    if as_json:
        print_json(result.as_json())
    else:
        _print(result)
    for place, error in result.errors.items():
        echo_error(f"{place}: {error}")
    return FAILED if result.errors else COMPLETED


def _stores(department: Department) -> list[StoreLocation]:
    """The stores in the YAML files of its ingestions."""
    kinds = [stage.load_settings() for stage in department.stages]
    files = [(kind, kind.yaml_path()) for kind in kinds if issubclass(kind, SourceSettings)]
    return [store_location(load_yaml(kind, path), with_index=False) for kind, path in files if path is not None]


def _print(result: Cleanup) -> None:
    rows = [
        {
            "what": one.what,
            "place": one.place,
            "files": "?" if one.files is None else f"{one.files:,}",
            "bytes": "?" if one.size is None else f"{one.size:,}",
            "removed files": f"{one.removed_files:,}",
            "removed bytes": f"{one.removed_size:,}",
        }
        for one in result.kept
    ]
    print_rows(rows, [*_COLUMNS])
    for disk in result.disks:
        echo(f"disk of {disk.place}: {disk.free:,} of {disk.size:,} bytes free, {disk.used:.0%} used")
    verb = "would be removed" if result.dry_run else "removed"
    echo(f"{result.removed_files:,} files, {result.removed_size:,} bytes {verb}")
