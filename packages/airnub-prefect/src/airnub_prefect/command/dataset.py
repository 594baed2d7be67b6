"""The `dataset` commands and their options; `dataset_contents` and `dataset_versions` do the work."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from airnub_prefect.command.options import JSON, dataset_options
from airnub_prefect.department import Department
from airnub_prefect.exit_codes import exit_with


def dataset_group(department: Department) -> click.Group:
    """The click group of `dataset`."""
    name = department.command

    @click.group(
        "dataset",
        help="Inspect and roll back datasets, and remove old versions.",
        epilog=f"Example: uv run {name} dataset ls",
    )
    def dataset() -> None: ...

    def call(work: str, where: Mapping[str, Path | None], *arguments: Any, **options: Any) -> NoReturn:
        """Find the datasets, call `MODULE.FUNCTION` of this folder with them and the arguments, and exit."""

        def run() -> int:
            from airnub_prefect.command.locations import find_datasets

            datasets = find_datasets(department, where["datasets"], where["store"], where["config"])
            module, _, function = work.partition(".")
            implementation: Callable[..., int] = getattr(import_module(f"airnub_prefect.command.{module}"), function)
            return implementation(datasets, *arguments, **options)

        exit_with(run)

    @dataset.command("ls", epilog=f"Example: uv run {name} dataset ls")
    @JSON
    @dataset_options
    def ls(as_json: bool, **where: Path | None) -> None:
        """List the datasets, each with its version and row count."""
        call("dataset_contents.ls", where, as_json=as_json)

    @dataset.command("show", epilog=f"Example: uv run {name} dataset show sales --as-of 2026-11-01")
    @click.argument("dataset_name", metavar="NAME")
    @click.option(
        "--as-of",
        metavar="VERSION|TIME",
        help="Version to show, by number or UTC time.",
    )
    @JSON
    @dataset_options
    def show(dataset_name: str, as_of: str | None, as_json: bool, **where: Path | None) -> None:
        """Show a dataset, and what the next run would do.

        The output has its declaration, its inputs, and the reasons for the work of the next run.
        """
        call("dataset_contents.show", where, dataset_name, as_of, as_json=as_json)

    @dataset.command("history", epilog=f"Example: uv run {name} dataset history sales")
    @click.argument("dataset_name", metavar="NAME")
    @JSON
    @dataset_options
    def history(dataset_name: str, as_json: bool, **where: Path | None) -> None:
        """List the versions of a dataset, newest first.

        Each has its time, run and row count.
        """
        call("dataset_contents.history", where, dataset_name, as_json=as_json)

    @dataset.command("quarantine", epilog=f"Example: uv run {name} dataset quarantine sales --limit 20")
    @click.argument("dataset_name", metavar="NAME")
    @click.option("--limit", type=click.IntRange(0), default=5, show_default=True, help="Number of example rows.")
    @JSON
    @dataset_options
    def quarantine(dataset_name: str, limit: int, as_json: bool, **where: Path | None) -> None:
        """Show the quarantined rows of a dataset.

        The output has the counts by rule, and examples with their text and origin.
        """
        call("dataset_contents.quarantine", where, dataset_name, limit, as_json=as_json)

    @dataset.command("rollback", epilog=f"Example: uv run {name} dataset rollback sales 3")
    @click.argument("dataset_name", metavar="NAME")
    @click.argument("version", type=click.IntRange(0))
    @dataset_options
    def rollback(dataset_name: str, version: int, **where: Path | None) -> None:
        """Make an earlier version of a dataset the current one.

        Runs do not update the dataset until `dataset release`.
        """
        call("dataset_versions.rollback", where, dataset_name, version)

    @dataset.command("release", epilog=f"Example: uv run {name} dataset release sales")
    @click.argument("dataset_name", metavar="NAME")
    @dataset_options
    def release(dataset_name: str, **where: Path | None) -> None:
        """Allow runs to update a dataset again after a rollback."""
        call("dataset_versions.release", where, dataset_name)

    @dataset.command("vacuum", epilog=f"Example: uv run {name} dataset vacuum --dry-run")
    @click.argument("names", metavar="[NAME]...", nargs=-1)
    @click.option("--dry-run", is_flag=True, help="List the files, and remove nothing.")
    @JSON
    @dataset_options
    def vacuum(names: tuple[str, ...], dry_run: bool, as_json: bool, **where: Path | None) -> None:
        """Remove files of expired versions, and of killed runs.

        Without NAME, all datasets are searched.
        """
        call("dataset_versions.vacuum", where, names, dry_run=dry_run, as_json=as_json)

    return dataset
