"""The command and environment of each service, and a running service: its lines, its answers, its end."""

import asyncio
import os
import sys
import time
from dataclasses import replace

import pytest

from airnub_cli.dev.postgresql import MACHINE, Cluster, Programs
from airnub_cli.dev.services import RunningService, Service, Services
from airnub_cli.dev.state import StateFolder
from airnub_cli.subprocesses import process_tree


@pytest.fixture
def plan(tmp_path):
    """The services of a small repository with the sample site, with the state elsewhere."""
    registry = tmp_path / "checkout" / "configs" / "departments.yaml"
    registry.parent.mkdir(parents=True)
    registry.write_text(
        "departments:\n- {id: shop, display_name: Shop, owner: team-shop, contacts: [a@b], status: active}\n"
        "- {id: closed, display_name: Closed, owner: team-shop, contacts: [a@b], status: retired}\n"
    )
    return Services(tmp_path / "checkout", StateFolder(tmp_path), port=4321, drain_seconds=3, site_port=8765)


def test_all_services_know_each_other(plan):
    """The server, the site, and the data root."""
    for part in (plan.server(3), plan.site(), plan.deployer(), plan.worker("shop")):
        assert part.environment["PREFECT_API_URL"] == "http://127.0.0.1:4321/api"
        assert part.environment["AIRNUB_SITE_URL"] == "http://127.0.0.1:8765"
        assert part.environment["AIRNUB_DATA_ROOT"] == str(plan.state.folder)
        assert part.folder == plan.state.folder


def test_the_sample_site_is_used_only_if_it_is_served(plan):
    """Then the environment is `sample`; else `local`, which replaces no sources, without a site."""
    assert plan.site().command[-2:] == ("127.0.0.1", "8765")
    assert plan.deployer().command[-1] == "sample"
    own = Services(plan.root, plan.state, port=4321, drain_seconds=3)
    assert own.deployer().command[-1] == "local"
    assert "AIRNUB_SITE_URL" not in own.deployer().environment


def test_settings_for_a_different_prefect_are_dropped(plan, monkeypatch):
    """Only log levels are kept."""
    monkeypatch.setenv("PREFECT_API_KEY", "of-another")
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "sqlite+aiosqlite:///elsewhere.db")
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    environment = plan.server(3).environment
    assert "PREFECT_API_KEY" not in environment
    assert "PREFECT_SERVER_DATABASE_CONNECTION_URL" not in environment
    assert environment["PREFECT_LOGGING_LEVEL"] == "DEBUG"


def test_a_worker_has_longer_than_its_runs(plan):
    """Otherwise it would be killed while it waits for them; only a worker is restarted."""
    worker = plan.worker("shop")
    assert worker.patience > plan.drain_seconds
    assert worker.may_return
    assert not any(part.may_return for part in (plan.server(3), plan.site(), plan.deployer()))


def test_there_is_a_worker_for_each_pool_of_a_deployment(plan):
    """The pools of the compiled file."""
    plan.state.compiled.write_text(
        "deployments:\n- {name: a, work_pool: {name: x}}\n- {name: b, work_pool: {name: y}}\n"
        "- {name: c, work_pool: {name: x}}\n"
    )
    assert plan.pools() == ["x", "y"]


def test_only_the_server_knows_the_database(plan):
    """PostgreSQL with a cluster, else SQLite; both write logs in Prefect's home."""
    assert plan.database() is None
    assert "PREFECT_SERVER_DATABASE_CONNECTION_URL" not in plan.server(3).environment
    folder = plan.state.home / "postgresql-15"
    cluster = Cluster(Programs(plan.root, "15.3", MACHINE), folder, plan.state.temporary / "postgresql", (7, 8))
    with_one = replace(plan, cluster=cluster)
    assert with_one.server(3).environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == cluster.url
    assert "PREFECT_SERVER_DATABASE_CONNECTION_URL" not in with_one.worker("x").environment
    database = with_one.database()
    assert (database.command, database.folder, database.user) == (cluster.command, folder, (7, 8))
    assert {part.log.parent for part in (database, with_one.server(3))} == {plan.state.home / "logs"}


STAYS = "import time; print('here', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAYS}"


def part(tmp_path, code, **more):
    """A service that runs a piece of Python."""
    return Service("part", (sys.executable, "-c", code), dict(os.environ), tmp_path, **more)


class Lines(list):
    """Collects the printed lines."""

    def say(self, name, line):
        self.append((name, line))

    async def wait(self):
        """Until there is one."""
        async with asyncio.timeout(30):
            while not self:  # noqa: ASYNC110  # lines come from a process
                await asyncio.sleep(0.01)


def test_every_line_is_shown_with_its_status(tmp_path):
    """Lines of any length, from stdout and stderr, and one without a line break."""
    code = "import sys; print('x' * 200_000); print('wrong', file=sys.stderr); sys.stdout.write('last'); sys.exit(3)"
    lines = Lines()

    async def run():
        running = await RunningService.start(part(tmp_path, code), lines.say)
        return await running.ended()

    assert asyncio.run(run()) == 3
    assert sorted(line for _, line in lines) == ["last", "wrong", "x" * 200_000]
    assert {name for name, _ in lines} == {"part"}


def test_an_order_has_an_answer(tmp_path):
    """It is on stdout, and not printed."""
    lines = Lines()

    async def run():
        running = await RunningService.start(
            part(tmp_path, "print(input()[::-1], flush=True)", takes_orders=True), lines.say
        )
        answer = await running.order("abc")
        await running.ended()
        return answer

    assert asyncio.run(run()) == "cba"
    assert lines == []


def stopped(tmp_path, code, *, at_once=False, patience=1.0):
    """Seconds that stopping a service took; none of its processes is left."""
    lines = Lines()

    async def run():
        running = await RunningService.start(part(tmp_path, code, patience=patience), lines.say)
        await lines.wait()
        now = asyncio.Event()
        if at_once:
            now.set()
        known = process_tree(running.pid)
        began = time.monotonic()
        await running.stop(now)
        return time.monotonic() - began, known

    seconds, known = asyncio.run(run())
    deadline = time.monotonic() + 5
    while process_tree(*known) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process_tree(*known) == set()
    return seconds


def test_a_service_that_exits_on_sigterm_ends_at_once(tmp_path):
    """Without the rest of its grace period."""
    assert stopped(tmp_path, STAYS, patience=50) < 20


def test_a_second_ctrl_c_kills_slow_services(tmp_path):
    """At once."""
    assert stopped(tmp_path, STUBBORN, at_once=True, patience=50) < 20


def test_runs_of_a_worker_end_with_it(tmp_path):
    """They are in sessions of their own, and re-parented once it has ended."""
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], " + (
        "start_new_session=True); "
    )
    assert stopped(tmp_path, child + STAYS) < 20
