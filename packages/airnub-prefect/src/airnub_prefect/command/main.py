"""The command line of a department; the other modules of this folder implement its commands.

Each command imports its own module: `--help` is fast, and `demo` starts the embedded server before slow imports.
"""

from pathlib import Path
from typing import NoReturn

import click

from airnub_prefect.command.dataset import dataset_group
from airnub_prefect.command.options import DATASETS, FILE, JSON, STORE, VERBOSE
from airnub_prefect.command.store import store_group
from airnub_prefect.department import PIPELINE, Department
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.exit_codes import exit_with
from airnub_prefect.session import prefect_session


def main(department: Department) -> NoReturn:
    """Run the command of a department with the arguments of this process, and exit with a code of `exit_codes`."""
    group(department)(prog_name=department.command)
    raise AssertionError("click exits the process")


def group(department: Department) -> click.Group:
    """The click group of a department's command."""
    name = department.command

    @click.group(
        help=f"Run the stages of {department.name}, and inspect its content store and datasets.",
        epilog=f"Example: uv run {name} run",
    )
    def command() -> None: ...

    @command.command("demo", epilog=f"Example: uv run {name} demo")
    @click.option("--with-failure", is_flag=True, help="Let the sample site answer some requests with an error.")
    @click.option("--force", is_flag=True, help="Re-run even if unchanged.")
    @VERBOSE
    def demo(with_failure: bool, force: bool, verbose: bool) -> None:
        """Run all stages on a built-in sample site.

        No service, internet or account is needed. Objects and datasets are written to data/demo/.
        """

        def run() -> int:
            with prefect_session(verbose=verbose) as session:
                from airnub_prefect.command.demo import run_demo

                return run_demo(department, session, with_failure=with_failure, force=force)

        exit_with(run)

    @command.command("run", epilog=f"Example: uv run {name} run {department.stages[0].name} --config my.yaml --json")
    @click.argument("stage", required=False, type=click.Choice([*(one.name for one in department.stages), PIPELINE]))
    @click.option(
        "--config",
        type=FILE,
        metavar="FILE",
        help="Settings file of the stage. Default: the Prefect Variable, else the file in configs/variables/.",
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
        help="Run only this source, or its datasets in a stage that makes datasets. Repeatable.",
    )
    @click.option("--failed", is_flag=True, help="Run only the items and datasets that failed in the last run.")
    @JSON
    @VERBOSE
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
            from airnub_prefect.command.run import run_pipeline, run_stage
            from airnub_prefect.selection import Selection

            selection = Selection(sources, failed=failed)
            if chosen is None:
                return run_pipeline(department, selection, force=force, as_json=as_json, verbose=verbose)
            return run_stage(
                chosen, selection, config=config, force=force, accept=accept, as_json=as_json, verbose=verbose
            )

        exit_with(run)

    @command.command("list", epilog=f"Example: uv run {name} list --json")
    @JSON
    def list_(as_json: bool) -> None:
        """List the flows, each with its description and settings."""

        def run() -> int:
            from airnub_prefect.command.list import list_flows

            return list_flows(department, as_json=as_json)

        exit_with(run)

    @command.command("site", epilog=f"Example: uv run {name} site --port 8000")
    @click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
    @click.option("--port", default=8000, show_default=True, help="Port to listen on; 0 for a free port.")
    def site(host: str, port: int) -> None:
        """Serve the sample site of `demo` until Ctrl-C.

        Runs of other processes can use it as a source without internet.
        """

        def run() -> int:
            from airnub_prefect.command.site import serve

            try:
                return serve(department.name, department.load_demo().routes(with_failure=False), host, port)
            except (OSError, OverflowError) as error:
                raise ConfigurationError.of(
                    f"{host}:{port}", f"expected a free port of this machine, found: {error}; choose with --port"
                ) from error

        exit_with(run)

    @command.command("housekeeping", epilog=f"Example: uv run {name} housekeeping --dry-run")
    @click.option("--dry-run", is_flag=True, help="List what would be removed, and remove nothing.")
    @STORE
    @DATASETS
    @JSON
    def housekeeping(dry_run: bool, store: Path | None, datasets: Path | None, as_json: bool) -> None:
        """Remove expired dataset versions and old partial downloads.

        Partial downloads are removed after a week in which no run resumed them. Sizes are printed. Files that a run in
        flight uses are kept.
        """

        def run() -> int:
            from airnub_prefect.command.housekeeping import run_housekeeping

            return run_housekeeping(department, store, datasets, dry_run=dry_run, as_json=as_json)

        exit_with(run)

    command.add_command(store_group(department))
    command.add_command(dataset_group(department))
    if department.demo is None:
        del command.commands["demo"], command.commands["site"]
    return command
