"""The command line of a department; the other modules of this folder implement its commands.

Each command imports its own module: `--help` is fast, and `demo` starts the embedded server before slow imports.
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from airnub_prefect.department import PIPELINE, Department
from airnub_prefect.dotenv_file import require_readable
from airnub_prefect.errors import ArgumentError, ConfigurationError, ServerUnreachableError
from airnub_prefect.exit_codes import FAILURE, INTERRUPTED, REJECTED
from airnub_prefect.session import prefect_session

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout, and nothing else.")
_VERBOSE = click.option("--verbose", is_flag=True, help="Print Prefect's own logs to stderr.")


def _where(command: Callable[..., None]) -> Callable[..., None]:
    folder = click.option(
        "--store",
        "folder",
        type=_FOLDER,
        metavar="FOLDER",
        help="Content store. Default: from the settings.",
    )
    config = click.option("--config", type=_FILE, metavar="FILE", help="Settings file of the ingestion.")
    return folder(config(command))


def main(department: Department) -> NoReturn:
    """Run the command of a department with the arguments of this process, and exit.

    Exit status: 0 if completed, 1 if failed, 2 for an error in the command or the configuration.
    """
    group(department)(prog_name=department.command)
    raise AssertionError("click exits the process")


def group(department: Department) -> click.Group:
    """The click group of a department's command."""
    name = department.command

    @click.group(help=f"Run the stages of {department.name}, and inspect its content store and datasets.")
    def command() -> None: ...

    @command.command("demo", epilog=f"Example: uv run {name} demo")
    @click.option("--with-failure", is_flag=True, help="Include a broken link in the sample site.")
    @click.option("--force", is_flag=True, help="Re-run even if unchanged.")
    @_VERBOSE
    def demo(with_failure: bool, force: bool, verbose: bool) -> None:
        """Run all stages on a built-in sample site, without services, internet or an account."""

        def run() -> int:
            with prefect_session(verbose=verbose) as session:
                from airnub_prefect.command.demo import run_demo

                return run_demo(department, session, with_failure=with_failure, force=force)

        _exit(run)

    @command.command("run", epilog=f"Example: uv run {name} run {department.stages[0].name} --config my.yaml --json")
    @click.argument("stage", required=False, type=click.Choice([*(one.name for one in department.stages), PIPELINE]))
    @click.option(
        "--config",
        type=_FILE,
        metavar="FILE",
        help="Settings file of the stage. Default: the Prefect Variable, else configs/ of the checkout.",
    )
    @click.option("--force", is_flag=True, help="Re-run even if unchanged.")
    @click.option(
        "--accept",
        multiple=True,
        metavar="NAME",
        help="Commit this dataset once despite its limits or a failed check, in a stage that makes datasets. "
        "Repeatable.",
    )
    @click.option(
        "--source",
        "sources",
        multiple=True,
        metavar="NAME",
        help="Run only this source, or the datasets of it. Repeatable.",
    )
    @click.option("--failed", is_flag=True, help="Run only the items and datasets that failed in the last run.")
    @_JSON
    @_VERBOSE
    def run_(
        stage: str | None,
        config: Path | None,
        force: bool,
        accept: tuple[str, ...],
        sources: tuple[str, ...],
        failed: bool,
        as_json: bool,
        verbose: bool,
    ) -> None:
        """Run one stage, or the pipeline of all stages (default).

        The exit status is 1 if the run failed, 2 if the configuration is invalid.
        """
        chosen = next((one for one in department.stages if one.name == stage), None)
        if chosen is None and config is not None:
            names = ", ".join(one.name for one in department.stages)
            raise click.UsageError(f"--config is a settings file of one stage: name the stage ({names})")
        if accept and (chosen is None or not chosen.makes_datasets()):
            raise click.UsageError("--accept needs a stage that makes datasets: name the stage")

        def run() -> int:
            from airnub_prefect.command.run import Selection, run_pipeline, run_stage

            selection = Selection(sources, failed=failed)
            if chosen is None:
                return run_pipeline(department, selection, force=force, as_json=as_json, verbose=verbose)
            return run_stage(
                chosen, selection, config=config, force=force, accept=accept, as_json=as_json, verbose=verbose
            )

        _exit(run)

    @command.command("list", epilog=f"Example: uv run {name} list --json")
    @_JSON
    def list_(as_json: bool) -> None:
        """List the flows with a description and the settings that each reads."""

        def run() -> int:
            from airnub_prefect.command.list import list_flows

            return list_flows(department, as_json=as_json)

        _exit(run)

    @command.command("site", epilog=f"Example: uv run {name} site --port 8000")
    @click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
    @click.option("--port", default=8000, show_default=True, help="Port to listen on; 0 for a free port.")
    def site(host: str, port: int) -> None:
        """Serve the sample site of `demo` until Ctrl-C, for runs elsewhere without internet."""

        def run() -> int:
            from airnub_prefect.command.site import serve

            try:
                return serve(department.name, department.load_demo().routes(with_failure=False), host, port)
            except (OSError, OverflowError) as error:
                raise ConfigurationError.of(
                    f"{host}:{port}", f"expected a free port of this machine, found: {error}; choose with --port"
                ) from error

        _exit(run)

    @command.command("housekeeping", epilog=f"Example: uv run {name} housekeeping --dry-run")
    @click.option("--dry-run", is_flag=True, help="List what would be removed, and remove nothing.")
    @click.option("--store", type=_FOLDER, metavar="FOLDER", help="Content store. Default: from the settings.")
    @click.option("--datasets", type=_FOLDER, metavar="FOLDER", help="Datasets. Default: from the settings.")
    @_JSON
    def housekeeping(dry_run: bool, store: Path | None, datasets: Path | None, as_json: bool) -> None:
        """Remove expired dataset versions and partial downloads that no run resumed for a week; print sizes.

        Files that a run in flight uses are kept.
        """

        def run() -> int:
            from airnub_prefect.command.housekeeping import run_housekeeping

            return run_housekeeping(department, store, datasets, dry_run=dry_run, as_json=as_json)

        _exit(run)

    command.add_command(_store(department))
    command.add_command(_dataset(department))
    if department.demo is None:
        del command.commands["demo"], command.commands["site"]
    return command


def _store(department: Department) -> click.Group:
    name = department.command

    @click.group("store", help="Inspect and maintain the content store.")
    def store() -> None: ...

    def at(where: Mapping[str, Path | None], work: Callable[[Any, Any], int], *, with_index: bool = False) -> NoReturn:
        def run() -> int:
            from airnub_prefect.command import store as commands

            return work(commands, commands.find(department, where["folder"], where["config"], with_index=with_index))

        _exit(run)

    @store.command("ls", epilog=f"Example: uv run {name} store ls --source weather")
    @click.option("--source", metavar="NAME", help="List only this source.")
    @_JSON
    @_where
    def ls(source: str | None, as_json: bool, **where: Path | None) -> None:
        """List every object with its source, size, digest, time and URL."""
        at(where, lambda commands, place: commands.ls(place, source, as_json=as_json))

    @store.command("show", epilog=f"Example: uv run {name} store show 3f9a27c1")
    @click.argument("what")
    @_JSON
    @_where
    def show(what: str, as_json: bool, **where: Path | None) -> None:
        """Show the manifests that match WHAT: a digest or its first digits, a URL, a path or a file name."""
        at(where, lambda commands, place: commands.show(place, what, as_json=as_json))

    @store.command("log", epilog=f"Example: uv run {name} store log https://example.org/weather.csv")
    @click.argument("url")
    @click.option("--source", metavar="NAME", help="Show only this source.")
    @_JSON
    @_where
    def log(url: str, source: str | None, as_json: bool, **where: Path | None) -> None:
        """Show every version of a URL, oldest first, with time, digest, size and path."""
        at(where, lambda commands, place: commands.log(place, url, source, as_json=as_json), with_index=True)

    @store.command("forget", epilog=f"Example: uv run {name} store forget https://example.org/weather.csv")
    @click.argument("url")
    @click.option("--source", metavar="NAME", help="Source of the URL, if several sources have it.")
    @_JSON
    @_where
    def forget(url: str, source: str | None, as_json: bool, **where: Path | None) -> None:
        """Withdraw a URL: its rows leave the datasets, its objects and versions stay.

        A run that fetches the URL again restores it.
        """
        at(where, lambda commands, place: commands.forget(place, url, source, as_json=as_json), with_index=True)

    @store.command("verify", epilog=f"Example: uv run {name} store verify")
    @_JSON
    @_where
    def verify(as_json: bool, **where: Path | None) -> None:
        """Hash every object again, and report damage. The exit status is 1 if there is any."""
        at(where, lambda commands, place: commands.check(place, as_json=as_json))

    @store.command("gc", epilog=f"Example: uv run {name} store gc --dry-run")
    @click.option("--dry-run", is_flag=True, help="List the garbage, and remove nothing.")
    @_JSON
    @_where
    def gc(dry_run: bool, as_json: bool, **where: Path | None) -> None:
        """Collect garbage: remove objects without a manifest, and leftovers of killed processes.

        Files that a process is writing are kept.
        """
        at(where, lambda commands, place: commands.gc(place, dry_run=dry_run, as_json=as_json), with_index=True)

    @store.command("partials", epilog=f"Example: uv run {name} store partials --remove")
    @click.option("--remove", is_flag=True, help="Delete the partial files; the next run starts their downloads again.")
    @_JSON
    @_where
    def partials(remove: bool, as_json: bool, **where: Path | None) -> None:
        """List interrupted downloads of large files, which the next run resumes."""
        at(where, lambda commands, place: commands.partials(place, remove=remove, as_json=as_json))

    @store.command("failed", epilog=f"Example: uv run {name} store failed")
    @click.option(
        "--forget",
        multiple=True,
        metavar="NAME",
        help="Count this source, or this dataset (DEPARTMENT/NAME), as complete, for example after its removal from "
        "the settings. Repeatable.",
    )
    @_JSON
    @_where
    def failed(as_json: bool, forget: tuple[str, ...], **where: Path | None) -> None:
        """Show the failures of the last run of each source and each dataset. `run --failed` retries them."""
        at(where, lambda commands, place: commands.failed(place, forget, as_json=as_json), with_index=True)

    @store.command("reindex", epilog=f"Example: uv run {name} store reindex")
    @_where
    def reindex(**where: Path | None) -> None:
        """Rebuild the index from the manifests."""
        at(where, lambda commands, place: commands.rebuild(place), with_index=True)

    return store


def _dataset(department: Department) -> click.Group:
    name = department.command

    @click.group("dataset", help="Inspect datasets, roll back to a version, and remove expired files.")
    def dataset() -> None: ...

    def located(command: Callable[..., None]) -> Callable[..., None]:
        folder = click.option(
            "--datasets",
            "folder",
            type=_FOLDER,
            metavar="FOLDER",
            help="Datasets. Default: from the settings.",
        )
        store = click.option(
            "--store", type=_FOLDER, metavar="FOLDER", help="Content store. Default: from the settings."
        )
        config = click.option("--config", type=_FILE, metavar="FILE", help="Settings file of the processing.")
        return folder(store(config(command)))

    def at(where: Mapping[str, Path | None], work: Callable[[Any, Any], int]) -> NoReturn:
        def run() -> int:
            from airnub_prefect.command import dataset as commands

            return work(commands, commands.find(department, where["folder"], where["store"], where["config"]))

        _exit(run)

    @dataset.command("ls", epilog=f"Example: uv run {name} dataset ls")
    @_JSON
    @located
    def ls(as_json: bool, **where: Path | None) -> None:
        """List the datasets of the department with the version and row count of each."""
        at(where, lambda commands, datasets: commands.ls(datasets, as_json=as_json))

    @dataset.command("show", epilog=f"Example: uv run {name} dataset show NAME --as-of 2026-11-01")
    @click.argument("dataset_name", metavar="NAME")
    @click.option(
        "--as-of",
        metavar="VERSION|TIME",
        help="Version to show, by number or UTC time.",
    )
    @_JSON
    @located
    def show(dataset_name: str, as_of: str | None, as_json: bool, **where: Path | None) -> None:
        """Show the declaration and the inputs of a dataset, and what the next run would do and why."""
        at(where, lambda commands, datasets: commands.show(datasets, dataset_name, as_of, as_json=as_json))

    @dataset.command("history", epilog=f"Example: uv run {name} dataset history NAME")
    @click.argument("dataset_name", metavar="NAME")
    @_JSON
    @located
    def history(dataset_name: str, as_json: bool, **where: Path | None) -> None:
        """List the versions of a dataset, newest first, with time, run and row count."""
        at(where, lambda commands, datasets: commands.history(datasets, dataset_name, as_json=as_json))

    @dataset.command("quarantine", epilog=f"Example: uv run {name} dataset quarantine NAME --limit 20")
    @click.argument("dataset_name", metavar="NAME")
    @click.option("--limit", type=click.IntRange(0), default=5, show_default=True, help="Number of example rows.")
    @_JSON
    @located
    def quarantine(dataset_name: str, limit: int, as_json: bool, **where: Path | None) -> None:
        """Show the quarantined rows: counts by rule, and examples with their text and origin."""
        at(where, lambda commands, datasets: commands.quarantine(datasets, dataset_name, limit, as_json=as_json))

    @dataset.command("rollback", epilog=f"Example: uv run {name} dataset rollback NAME 3")
    @click.argument("dataset_name", metavar="NAME")
    @click.argument("version", type=click.IntRange(0))
    @located
    def rollback(dataset_name: str, version: int, **where: Path | None) -> None:
        """Make an earlier VERSION the current one. Runs do not update the dataset until `dataset release`."""
        at(where, lambda commands, datasets: commands.rollback(datasets, dataset_name, version))

    @dataset.command("release", epilog=f"Example: uv run {name} dataset release NAME")
    @click.argument("dataset_name", metavar="NAME")
    @located
    def release(dataset_name: str, **where: Path | None) -> None:
        """Allow runs to update a dataset again after a rollback."""
        at(where, lambda commands, datasets: commands.release(datasets, dataset_name))

    @dataset.command("vacuum", epilog=f"Example: uv run {name} dataset vacuum --dry-run")
    @click.argument("names", metavar="[NAME]...", nargs=-1)
    @click.option("--dry-run", is_flag=True, help="List the files, and remove nothing.")
    @_JSON
    @located
    def vacuum(names: tuple[str, ...], dry_run: bool, as_json: bool, **where: Path | None) -> None:
        """Remove files of expired versions and leftovers of killed runs, from NAME (default: all datasets)."""
        at(where, lambda commands, datasets: commands.vacuum(datasets, names, dry_run=dry_run, as_json=as_json))

    return dataset


def _exit(work: Callable[[], int]) -> NoReturn:
    # No telemetry; otherwise Prefect prints a notice about it into the progress of the first command.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        require_readable()
        status = work()
    except ArgumentError as error:
        click.secho(str(error), err=True, fg="red")
        status = REJECTED
    except ConfigurationError as error:
        count = len(error.mistakes)
        click.secho(
            f"{error}\n{count} mistake{'s' * (count > 1)} in the configuration; nothing was run.", err=True, fg="red"
        )
        status = REJECTED
    except ServerUnreachableError as error:
        click.secho(str(error), err=True, fg="red")
        status = FAILURE
    except KeyboardInterrupt:
        click.echo("Interrupted. Stored items are safe; run it again for the rest.", err=True)
        status = INTERRUPTED
    except Exception as error:
        # Imported here, since slow imports come after the start of the embedded server.
        from airnub_core import IngestError

        if not isinstance(error, IngestError):
            raise
        click.secho(str(error), err=True, fg="red")
        status = FAILURE
    sys.exit(status)
