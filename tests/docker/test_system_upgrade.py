"""An upgrade while runs are in flight, a server that is down, and killed workers and runs."""

import os
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from docker_system import PREFECT, docker, wait_for

SHARED = "packages/airnub-common/src/airnub_common/digests.py"
TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@pytest.fixture
def edited(up):
    """A shared package with one more comment, so that every image and every container is replaced."""
    file = up.folder / SHARED
    before = file.read_text()
    file.write_text(f"{before}\n# {time.time()}\n")
    yield
    file.write_text(before)


def upgrade(system, *arguments):
    """Run the documented command; returns its exit status and output."""
    done = subprocess.run(
        [sys.executable, "-m", "airnub_cli", "upgrade", *arguments],
        cwd=system.folder, env=system.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


class Watch:
    """Polls whether the API is ready, four times a second."""

    def __init__(self, system):
        self._url, self._stop = f"{system.url}/ready", threading.Event()
        self.longest = 0.0

    def __enter__(self):
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _ask(self):
        answered = time.monotonic()
        while not self._stop.wait(0.25):
            try:
                with urllib.request.urlopen(self._url, timeout=5):
                    self.longest = max(self.longest, time.monotonic() - answered)
                    answered = time.monotonic()
            except OSError:
                continue


def is_ready(system):
    """Whether the API is ready."""
    try:
        with urllib.request.urlopen(f"{system.url}/ready", timeout=5):
            return True
    except OSError:
        return False


def containers(system):
    """Ids of all running containers."""
    return system.compose("ps", "--quiet").stdout


def time_of(system, service, key):
    """When the container of a service was `Created` or `State.StartedAt`."""
    [container] = system.compose("ps", "--all", "--quiet", service).stdout.split()
    return docker("inspect", "--format", f"{{{{.{key}}}}}", container).stdout


def worker_process(system):
    """The id of the worker's process on this machine; Docker restarts it after a kill."""
    [container] = system.compose("ps", "--quiet", "worker-project-alpha").stdout.split()
    return int(docker("inspect", "--format", "{{.State.Pid}}", container).stdout)


def workers(system):
    """Names and states of the pool's workers."""
    return {one["name"]: one["status"] for one in system.post("/work_pools/project-alpha/workers/filter", {})}


def test_an_upgrade_loses_no_run(up, slow, edited):
    """The run completes; the API is down for one restart of the server; a second upgrade restarts nothing.

    `setup` runs once.
    """
    with Watch(up) as restart:
        up.compose("restart", "server")
        wait_for(lambda: is_ready(up), "the API")
    with Watch(up) as watch:
        code, said = upgrade(up)
    assert code == 0, said
    # Not again with the worker.
    assert time_of(up, "setup", "State.StartedAt") < time_of(up, "worker-project-alpha", "Created")
    # 30 s are enough, unless the machine is so busy that a restart takes longer.
    assert watch.longest < max(30, 3 * restart.longest)
    assert up.state(slow)["type"] in {"RUNNING", "COMPLETED"}
    assert workers(up) == {"project-alpha-1": "ONLINE"}
    before = containers(up)
    assert "nothing changed; nothing was restarted" in upgrade(up)[1]
    assert containers(up) == before
    up.completes(slow)


def test_what_cannot_be_kept_is_said_before_anything_is_stopped(up, slow):
    """After a change of the API's password, the run would still have the old one."""
    before = containers(up)
    up.environment["AIRNUB_AUTH"] = "me:another"
    try:
        code, said = upgrade(up, "--no-build")
    finally:
        del up.environment["AIRNUB_AUTH"]
    assert code == 2
    assert "AIRNUB_AUTH changes, and a run keeps the password that it was started with" in said
    name = '{{index .Config.Labels "io.prefect.flow-run-name"}}'
    assert docker("inspect", "--format", name, up.container_of(slow)).stdout.strip() in said
    assert "another" not in said
    assert containers(up) == before


def test_no_build_builds_nothing(up, edited):
    """Not even for the check whether the new server can use the database."""
    before = docker("image", "inspect", "--format", "{{.Id}}", PREFECT).stdout
    up.environment["AIRNUB_RETENTION_DAYS"] = "60"
    try:
        code, said = upgrade(up, "--no-build", "--dry-run")
    finally:
        del up.environment["AIRNUB_RETENTION_DAYS"]
    assert code == 0, said
    assert "1. server: its settings differ" in said
    assert docker("image", "inspect", "--format", "{{.Id}}", PREFECT).stdout == before


def test_a_killed_run_says_so_and_ends_its_subflow_runs(up, slow):
    """`killed (signal 9)`, not out of memory; within a minute none of its subflow runs is Running."""
    wait_for(lambda: subflows(up, slow), "a subflow run")
    docker("kill", "--signal", "KILL", up.container_of(slow))
    state = up.end_of(slow)
    assert state["type"] == "CRASHED"
    assert "killed (signal 9)" in state["message"]
    assert "memory" not in state["message"]
    wait_for(lambda: all(run["state"]["type"] in TERMINAL for run in subflows(up, slow)), "ends of subflow runs", 60)


def subflows(system, run):
    """The subflow runs of a run."""
    return system.post("/flow_runs/filter", {"flow_runs": {"parent_flow_run_id": {"any_": [run]}}})


def test_out_of_memory_is_said_where_the_engine_says_so(up):
    """For a run with too little memory to start."""
    state = up.end_of(up.start("project-alpha-analysis", job_variables={"mem_limit": "40m", "memswap_limit": "40m"}))
    assert state["type"] == "CRASHED"
    assert "out of memory: the engine reports" in state["message"]


def test_a_run_whose_worker_dies_before_it_starts_is_crashed(up):
    """Its slot is free, and its container is removed."""
    events = subprocess.Popen(
        ["docker", "events", "--filter", "event=create", "--filter", "label=io.prefect.work-pool-name=project-alpha",
         "--format", "{{.ID}}"], stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        process = worker_process(up)
        run = up.start("project-alpha-pipeline")
        container = events.stdout.readline().strip()
        os.kill(process, 9)
    finally:
        events.kill()
        events.communicate()
    if docker("inspect", "--format", "{{.State.Status}}", container, check=False).stdout.strip() == "running":
        pytest.skip("the worker started it before it was killed")
    state = up.end_of(run, patience=300)
    assert (state["type"], state["message"]) == ("CRASHED", "Its worker died before it started.")
    wait_for(lambda: docker("inspect", container, check=False).returncode, "no container")
    wait_for(lambda: workers(up) == {"project-alpha-1": "ONLINE"}, "the worker again, by the same name")
    up.completes(up.start("project-alpha-pipeline"))


@pytest.mark.slow
@pytest.mark.skipif("AIRNUB_OUTAGE_SECONDS" not in os.environ, reason="takes as many seconds, and some minutes")
def test_a_server_that_is_away_for_minutes_loses_no_run(up, slow):
    """Not even one that ends during the outage."""
    up.compose("stop", "server")
    time.sleep(int(os.environ["AIRNUB_OUTAGE_SECONDS"]))
    up.compose("start", "server")
    state = up.end_of(slow, patience=600)
    assert state["type"] == "COMPLETED", state
