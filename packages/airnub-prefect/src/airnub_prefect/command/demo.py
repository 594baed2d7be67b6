"""The demo: all stages of a department in one run, on data that it serves itself on loopback."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from airnub_common import write_atomic
from airnub_core import Report
from airnub_core.sample_site import Route, SampleSite
from airnub_prefect.command.display import Display, count_line, print_report, say, say_error, tell
from airnub_prefect.command.running import INTERRUPTED, interrupted
from airnub_prefect.department import Department
from airnub_prefect.errors import StageFailedError
from airnub_prefect.places import data_root, shown
from airnub_prefect.progress import listening
from airnub_prefect.session import Session

_PORT = "site-port"


def run_demo(department: Department, session: Session, *, with_failure: bool, force: bool) -> int:
    """Run the pipeline against the department's sample site, and say what came out.

    Args:
        department: whose demo.
        session: where its flows run.
        with_failure: let the site name a file that it does not have.
        force: do again what is unchanged.

    Returns:
        The exit status: 0, or 1 when the run failed.

    Raises:
        ConfigurationError: outside of a checkout, with no data root.
    """
    demo = department.load_demo()
    root = data_root() / "data" / "demo" / department.name
    with ExitStack() as stack:
        site = stack.enter_context(_serve(demo.routes(with_failure=with_failure), root))
        say(f"A sample site is served on {site.url('/')}; all stages of {department.name} run on it ...")
        display = stack.enter_context(Display())
        stack.enter_context(listening(display))
        started = time.monotonic()
        try:
            reports = session.run(department.load_pipeline, {**demo.settings(site, root), "force": force})
        except StageFailedError as error:
            stack.close()
            _tell_failure(department, error, root, time.monotonic() - started)
            return 1
        except KeyboardInterrupt:
            say(interrupted(display))
            return INTERRUPTED
        seconds = time.monotonic() - started
    _tell(department, reports, root, seconds, session)
    return 0


def _serve(routes: Mapping[str, Route], root: Path) -> SampleSite:
    """The site on the port of the last demo, so that its URLs are known again; on a free one when that is taken."""
    path = root / _PORT
    remembered = int(path.read_text()) if path.is_file() else 0
    try:
        site = SampleSite(routes, port=remembered)
    except OSError:
        site = SampleSite(routes)
    write_atomic(path, str(site.port))
    return site


def _tell(department: Department, reports: Mapping[str, Report], root: Path, seconds: float, session: Session) -> None:
    for stage, report in reports.items():
        print_report(stage, report)
    new = sum(report.counts["stored"] + report.counts["updated"] for report in reports.values())
    tell(
        f"\nAll stages completed in {seconds:.1f} s: "
        + ("nothing new, everything is unchanged." if new == 0 else f"{new} items are new.")
    )
    tell(f"  {'objects':<10} {shown(root / 'store')}")
    for report in reports.values():
        for outcome in report.outcomes:
            if outcome.note is not None:
                tell(f"  {'found':<10} {outcome.note}")
                tell(f"  {'report':<10} {shown(root / 'reports' / (outcome.path or ''))}")
    if session.server is not None:
        tell(f"  {'runs':<10} {session.server.database}")
    tell(
        "\nNext:\n"
        f"  uv run {department.command} store ls --store {shown(root / 'store')}      what was fetched, object by object\n"
        f"  uv run {department.command} demo --with-failure      what a broken link looks like\n"
        "  uv run prefect server start      the runs and their artifacts in a browser"
    )
