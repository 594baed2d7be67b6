"""The README's "Scheduled runs, one command at a time", run in a checkout until a run has Completed, offline."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "importable"))
from readme_blocks import blocks

pytestmark = [pytest.mark.system, pytest.mark.example]

ROOT = Path(__file__).parents[1]
PATIENCE = 240
"""Seconds for what takes twenty on a quiet machine."""


def free_port():
    """A port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return str(found.getsockname()[1])


@pytest.fixture
def checkout(tmp_path):
    """The files that these commands read, in a separate folder."""
    unneeded = shutil.ignore_patterns("__pycache__", "tests", "node_modules", ".*")
    root = tmp_path / "checkout"
    for name in ("packages", "departments", "configs", "infra"):
        shutil.copytree(ROOT / name, root / name, ignore=unneeded)
    for name in ("pyproject.toml", "uv.lock", "prefect.yaml"):
        shutil.copy(ROOT / name, root)
    return root


@pytest.fixture
def environment(tmp_path):
    """The environment of a new user, with ports and folders of the test, and the installed packages."""
    dropped = ("PREFECT_", "AIRNUB_", "COV_", "COVERAGE_", "PYTEST_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    server, site = free_port(), free_port()
    return inherited | {
        "PREFECT_SERVER_API_PORT": server,
        "AIRNUB_SITE_URL": f"http://127.0.0.1:{site}",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_UI_STATIC_DIRECTORY": str(tmp_path / "ui"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "AIRNUB_DATA_ROOT": str(tmp_path),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "UV_PROJECT_ENVIRONMENT": sys.prefix,
        "UV_NO_SYNC": "1",
    }


@contextmanager
def terminal(block, checkout, environment, log):
    """A shell that runs a block, in its own process group, which is ended with all its children."""
    with log.open("w") as said:
        shell = subprocess.Popen(
            ["bash", "-ec", block], cwd=checkout, env=environment, stdin=subprocess.DEVNULL, stdout=said,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            yield shell
        finally:
            os.killpg(shell.pid, signal.SIGTERM)
            try:
                shell.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(shell.pid, signal.SIGKILL)
                shell.wait()


def wait_for(happened, what, logs, shells=()):
    """Return when the condition is met; fail with the terminals' output if it is not, or if a terminal ends."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        ended = [shell.args[-1] for shell in shells if shell.poll() is not None]
        if ended or time.monotonic() > deadline:
            pytest.fail(f"expected {what}, ended: {ended}\n" + "\n".join(log.read_text() for log in logs))
        time.sleep(0.25)


def answers(url):
    """Whether a server responds."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(shutil.which("uv") is None or shutil.which("bash") is None, reason="needs uv and bash")
def test_what_the_readme_says_of_schedules_completes(checkout, environment, tmp_path):
    """Server, sample site and worker run in terminals; the run completes, and triggers start the next ones."""
    server_port, site = environment["PREFECT_SERVER_API_PORT"], environment["AIRNUB_SITE_URL"]
    ports = {"4200": server_port, "8000": site.rpartition(":")[2]}
    typed = [re.sub("|".join(ports), lambda match: ports[match[0]], block) for block in blocks()]
    assert len(typed) == 4
    *kept, run = typed
    assert "python -m airnub_prefect.worker" in kept[-1]
    logs = [tmp_path / f"{number}.log" for number in range(len(kept))]
    health = f"http://127.0.0.1:{server_port}/api/health"
    ready = [lambda: answers(health), lambda: answers(f"{site}/"), lambda: "started!" in logs[2].read_text()]
    with ExitStack() as stack:
        shells = []
        for block, log, is_ready in zip(kept, logs, ready, strict=True):
            shells.append(stack.enter_context(terminal(block, checkout, environment, log)))
            wait_for(is_ready, f"that it is there: {block}", logs[: len(shells)], shells)
        done = subprocess.run(
            ["bash", "-ec", run], cwd=checkout, env=environment, capture_output=True, text=True, check=False,
            timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr + logs[2].read_text()
        assert "Completed" in done.stdout
        reports = tmp_path / "reports" / "project_alpha"
        wait_for(lambda: list(reports.glob("rain-*/report.md")), "the report of the analysis", logs, shells)
    assert "sources: replaced by the environment sample for project_alpha" in logs[2].read_text()
