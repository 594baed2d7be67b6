"""The `demo` command: all stages of a department in one run, on a sample site on loopback."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from airnub_common import write_atomic
from airnub_core import Report, StoreError
from airnub_core.sample_site import Route, SampleSite
from airnub_prefect.command.display import Display, echo, echo_err, echo_error, print_report, stdout_to_stderr
from airnub_prefect.command.run import interruption_message, print_crash
from airnub_prefect.department import Department
from airnub_prefect.errors import ConfigurationError, PipelineFailedError, ServerUnreachableError, StageFailedError
from airnub_prefect.exit_codes import COMPLETED, FAILED, INTERRUPTED
from airnub_prefect.paths import data_root, shown
from airnub_prefect.progress import progress_to
from airnub_prefect.session import Session

_PORT = "site-port"
_SAFE = "Stored items are safe.\n"


def run_demo(department: Department, session: Session, *, with_failure: bool, force: bool) -> int:
    """Run the pipeline against the department's sample site, and print its reports and what to type next.

    Args:
        department: the department.
        session: session that runs its flows.
        with_failure: include a broken link in the site.
        force: re-run even if unchanged.

    Returns:
        The exit code: `COMPLETED`, `FAILED`, or `INTERRUPTED`.

    Raises:
        ConfigurationError: there is no data root.
        StoreError: the data root cannot be written.
        ServerUnreachableError: the Prefect server did not start, or became unreachable.
    """
    started = time.monotonic()
    demo = department.load_demo()
    root = data_root() / "data" / "demo" / department.name
    with ExitStack() as stack:
        site = stack.enter_context(_serve(demo.routes(with_failure=with_failure), root))
        echo_err(f"The sample site is at {site.url('/')}; running all stages of {department.name} on it ...")
        display = stack.enter_context(Display())
        stack.enter_context(progress_to(display))
        stack.enter_context(stdout_to_stderr())
        try:
            reports = session.run(department.load_pipeline, {**demo.settings(site, root), "force": force})
        except StageFailedError as error:
            display.reported(error.report)
            stack.close()
            _print_failure(department, error, root, session, with_failure=with_failure)
            return FAILED
        except KeyboardInterrupt:
            echo_err(interruption_message(display))
            return INTERRUPTED
        except (ConfigurationError, ServerUnreachableError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001  # any error of a department's flow is reported, and the session closed
            echo_error(print_crash(department.name, error))
            return FAILED
        for report in reports.values():
            display.reported(report)
        seconds = time.monotonic() - started
    _print_reports(department, reports, root, session, seconds)
    return COMPLETED


def _serve(routes: Mapping[str, Route], root: Path) -> SampleSite:
    """The site on the port of the last demo, so that its URLs are the same; on a free port if that one is taken."""
    path = root / _PORT
    try:
        site = SampleSite(routes, port=int(path.read_text()))
    except (OSError, ValueError, OverflowError):
        site = SampleSite(routes)
    try:
        write_atomic(path, str(site.port))
    except OSError as error:
        raise StoreError.of(error, path) from error
    return site


def _print_reports(
    department: Department, reports: Mapping[str, Report], root: Path, session: Session, seconds: float
) -> None:
    for stage, report in reports.items():
        print_report(stage, report)
    new = sum(report.counts["stored"] + report.counts["updated"] for report in reports.values())
    what = f"{new} items are new" if new else "everything is unchanged, nothing new was stored"
    echo(f"All stages completed in {seconds:.1f} s: {what}.\n")
    echo(f"  objects   {shown(root / 'store')}")
    for outcome in (outcome for report in reports.values() for outcome in report.outcomes if outcome.note):
        echo(f"  report    {shown(root / 'reports' / (outcome.path or ''))}")
        echo(f"  found     {outcome.note}")
    _print_next_steps(department, root, session, "demo --with-failure", "the same with failing items")


def _print_failure(
    department: Department, failed: StageFailedError, root: Path, session: Session, *, with_failure: bool
) -> None:
    if isinstance(failed, PipelineFailedError):
        for stage, report in failed.reports.items():
            print_report(stage, report)
        echo_error(failed.headline)
        echo(f"All stages were run. {_SAFE}")
    else:
        print_report(failed.stage, failed.report)
        echo_error(failed.headline)
        echo(f"The stages after {failed.stage} were not started. {_SAFE}")
    echo(f"  objects   {shown(root / 'store')}")
    again = "the same without failing items" if with_failure else "the same, after the cause is corrected"
    _print_next_steps(department, root, session, "demo", again)


def _print_next_steps(department: Department, root: Path, session: Session, again: str, what: str) -> None:
    if session.server is not None:
        echo(f"  runs      {session.server.database}")
    steps = {
        f"uv run {department.command} {again}": what,
        f"uv run {department.command} store ls --store {shown(root / 'store')}": "the fetched objects",
    }
    if any(stage.makes_datasets() for stage in department.stages):
        datasets = shown(root / "datasets")
        steps[f"uv run {department.command} dataset ls --datasets {datasets}"] = "the datasets, their versions and rows"
    steps |= {
        "uv run prefect server start": "these runs, their tables and plots, in a browser",
    }
    width = max(map(len, steps))
    echo("\nNext:")
    for command, shows in steps.items():
        echo(f"  {command:<{width}}   {shows}")
