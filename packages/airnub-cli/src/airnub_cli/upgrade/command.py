"""The command `airnub upgrade`; `plan` decides the steps, and Docker Compose performs them."""

import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from airnub_cli.subprocesses import ProgramError
from airnub_cli.upgrade.compose import ComposeProject, Container
from airnub_cli.upgrade.plan import DATABASE, SERVER, Step, UpgradePlan, major_of, make_plan, references_of, services_of
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.exit_codes import COMPLETED, FAILED, INVALID


@click.command(
    "upgrade",
    epilog="Example: uv run airnub upgrade --dry-run",
)
@click.option("--project", "-p", metavar="NAME", help="Compose project. Default: COMPOSE_PROJECT_NAME, else airnub.")
@click.option("--dry-run", is_flag=True, help="Build images, print the steps and what would be lost, and exit.")
@click.option("--no-build", is_flag=True, help="Use the existing images.")
@click.option("--lose-runs", is_flag=True, help="Continue even if runs in flight are lost.")
def upgrade(project: str | None, dry_run: bool, no_build: bool, lose_runs: bool) -> None:
    """Upgrade the system of Docker Compose while runs continue.

    Afterwards, the system has the code of this checkout and the settings of .env. Images are built, then changed
    services are replaced in an order in which the API is unavailable for seconds only: the server's dependencies, the
    server alone, setup, departments, and the workers last. Unchanged services are not restarted. Unavoidable losses,
    such as runs in flight when the API's password changes, are printed before anything is stopped.

    Exit status: 0 when everything is up, even if nothing changed; 1 when a step failed, with what to do next; 2 when
    the upgrade was rejected and nothing was stopped.
    """
    try:
        root = Workspace.root_around(Path.cwd())
    except WorkspaceError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(INVALID)
    try:
        sys.exit(_run(ComposeProject(root, project), dry_run=dry_run, build=not no_build, lose_runs=lose_runs))
    except ProgramError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(FAILED)


def _run(compose: ComposeProject, *, dry_run: bool, build: bool, lose_runs: bool) -> int:
    configuration = compose.configuration()
    if build:
        _say("build: running services are not affected")
        compose.do("build", "--quiet")
    containers = compose.containers(configuration["name"])
    if not any(one.service == SERVER and one.running for one in containers):
        _say("up: no server is running, so no runs can be lost")
        if not dry_run:
            compose.do("up", "--detach", "--wait", "--no-build")
        return COMPLETED
    runs = sorted({run for one in containers if one.service == SERVER for n in one.networks for run in compose.runs(n)})
    plan = _plan(compose, configuration, containers, runs)
    if not plan.steps:
        _say("nothing changed; nothing was restarted")
        return COMPLETED
    refused = [*plan.refused, *_unusable(compose, configuration, plan, containers)]
    _print(plan, runs)
    if refused or (plan.lost and not lose_runs):
        for line in (*refused, *(f"runs in flight would be lost ({', '.join(runs)}): {why}" for why in plan.lost)):
            click.secho(line, fg="red", err=True)
        if not refused:
            workers = " ".join(sorted({one.service for one in containers if one.service.startswith("worker-")}))
            click.secho(
                f"Stop the workers (`docker compose stop {workers}`), which waits for their runs, and then upgrade; or "
                "continue with --lose-runs.",
                fg="red",
                err=True,
            )
        click.secho("Nothing was stopped.", fg="red", err=True)
        return INVALID
    if not dry_run:
        _carry_out(compose, configuration, plan, containers)
    return COMPLETED


def _plan(
    compose: ComposeProject, configuration: Mapping[str, Any], containers: Sequence[Container], runs: Sequence[str]
) -> UpgradePlan:
    known = {reference: compose.image(reference) for reference in references_of(configuration)}
    ids = {reference: None if image is None else str(image["Id"]) for reference, image in known.items()}
    services = services_of(configuration, compose.digests(configuration), ids)
    database = configuration["services"].get(DATABASE, {}).get("image", "")
    old = next((compose.image(one.image) for one in containers if one.service == DATABASE), None)
    return make_plan(services, containers, runs, (major_of(old), major_of(known.get(database))))


def _unusable(
    compose: ComposeProject, configuration: Mapping[str, Any], plan: UpgradePlan, containers: Sequence[Container]
) -> Iterator[str]:
    """Check that the new server's image can use the database, if the database does not change too."""
    changing = {name for step in plan.steps for name in step.services}
    running = {one.service for one in containers if one.running}
    if SERVER not in changing or DATABASE in changing or DATABASE not in running or plan.lost:
        return
    try:
        compose.run(configuration, SERVER, "python", "-m", "airnub_prefect.server_database", "check")
    except ProgramError:
        yield (
            f"{SERVER}: expected the image of the new server to connect to the database, found the error above. "
            "To change a password, run `uv run airnub rotate database`"
        )


def _print(plan: UpgradePlan, runs: Sequence[str]) -> None:
    for number, step in enumerate(plan.steps, 1):
        click.echo(f"{number}. {', '.join(step.services)}: {step.why}{_said_of(step)}")
    if not runs:
        click.echo("No runs are in flight.")
    elif not plan.lost:
        click.echo(f"Runs in flight: {len(runs)}; they continue in these containers: {', '.join(runs)}")


def _said_of(step: Step) -> str:
    if SERVER in step.services:
        return "; the API is unavailable for some seconds"
    return "; the API is unavailable while it restarts" if DATABASE in step.services else ""


def _carry_out(
    compose: ComposeProject, configuration: Mapping[str, Any], plan: UpgradePlan, containers: Sequence[Container]
) -> None:
    began = time.monotonic()
    with _watched(configuration) as gap:
        for step in plan.steps:
            _say(f"{', '.join(step.services)} …")
            started = time.monotonic()
            _bring_up(compose, configuration, step, containers)
            click.echo(f"   done in {time.monotonic() - started:.0f} s")
    click.secho(
        f"Everything is up after {time.monotonic() - began:.0f} s; the API was unavailable for {gap.longest:.0f} s.",
        fg="green",
    )


def _bring_up(
    compose: ComposeProject, configuration: Mapping[str, Any], step: Step, containers: Sequence[Container]
) -> None:
    if step.once:
        for name in step.services:
            compose.do_once(configuration["name"], name)
        return
    running = [one.service for one in containers if one.running]
    workers = [name for name in step.services if name.startswith("worker-")]
    if replaced := [name for name in workers if name in running]:
        # Workers need not wait for their runs: the next worker of the pool watches them.
        compose.do("kill", "--signal", "SIGUSR1", *replaced)
    # Without a number, Compose removes scaled containers.
    scales = [f"--scale={name}={running.count(name)}" for name in step.services if running.count(name) > 1]
    alone = []
    if workers:
        # Their dependencies are up to date by now, and an `up` with dependencies runs the one-shot ones again. The
        # containers are made by `create`: Compose before 2.29.3 records different settings in an `up --no-deps`, and
        # the next `up` would recreate it.
        compose.do("create", "--no-build", *scales, *workers)
        alone = ["--no-deps", "--no-recreate"]
    compose.do("up", "--detach", "--wait", "--no-build", *alone, *scales, *step.services)


def _say(line: str) -> None:
    click.secho(line, bold=True)


class _Gap:
    """The longest time in which the API did not answer, in seconds."""

    longest = 0.0


@contextmanager
def _watched(configuration: Mapping[str, Any]) -> Iterator[_Gap]:
    gap, stop = _Gap(), threading.Event()
    ports = configuration["services"][SERVER].get("ports") or []
    thread = threading.Thread(target=_watch, args=(ports, gap, stop), daemon=True)
    thread.start()
    try:
        yield gap
    finally:
        stop.set()
        thread.join()


def _watch(ports: Sequence[Mapping[str, Any]], gap: _Gap, stop: threading.Event) -> None:
    if not ports:
        return
    url = f"http://{ports[0].get('host_ip') or '127.0.0.1'}:{ports[0]['published']}/api/health"
    answered = time.monotonic()
    while not stop.wait(0.25):
        try:
            with urllib.request.urlopen(url, timeout=2):
                gap.longest = max(gap.longest, time.monotonic() - answered)
                answered = time.monotonic()
        except (OSError, urllib.error.URLError):
            continue
