"""Versions of datasets: roll back to one, release a dataset after a rollback, remove files of expired versions."""

from collections.abc import Sequence

from airnub_core.contracts.limits import retention_text
from airnub_prefect.command.display import echo, print_json
from airnub_prefect.command.locations import Datasets
from airnub_prefect.exit_codes import COMPLETED


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
    return COMPLETED


def release(datasets: Datasets, name: str) -> int:
    """Allow runs to update a dataset again after a rollback."""
    from airnub_data import versions
    from airnub_data.record import Record
    from airnub_data.scan import open_table

    datasets.one(name)
    last = Record.last(open_table(datasets.location, name))
    if last is None or not last.held:
        echo(f"{name}: not held; nothing was changed")
        return COMPLETED
    versions.release(datasets.location, name)
    echo(f"{name}: released; the next run makes it from its sources")
    return COMPLETED


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
        return COMPLETED
    for name, files in removed.items():
        kept = retention_text(chosen[name].retention)
        echo(
            f"{name}: {len(files):,} files {'would be' if dry_run else 'were'} removed; versions of {kept} can be read"
        )
        for file in files if dry_run else ():
            echo(f"    {file}")
    return COMPLETED
