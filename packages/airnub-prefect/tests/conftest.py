"""Shared fixtures of the tests of airnub-prefect: a small department, its command as a process, and a web site."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from airnub_core.sample_site import SampleSite

# No test asserts times; what is found by chance is found by developers, not in a check. `AIRNUB_EXAMPLES` says how many
# examples a sweep draws: few by default, many where `.ci/run` looks at length.
settings.register_profile(
    "airnub", deadline=None, derandomize="CI" in os.environ, max_examples=int(os.environ.get("AIRNUB_EXAMPLES", "25"))
)
settings.load_profile("airnub")

IMPORTABLE = Path(__file__).parent / "importable"
"""Holds `department_for_tests`."""

sys.path.insert(0, str(IMPORTABLE))


@pytest.fixture
def site():
    """A web site on loopback; tests add routes to it."""
    with SampleSite({}) as running:
        yield running


@pytest.fixture
def environment(tmp_path):
    """Environment of a command that is independent of the test process: its own Prefect home and data root."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "AIRNUB_"))}
    return inherited | {
        "PYTHONPATH": str(IMPORTABLE),
        "PREFECT_HOME": str(tmp_path / "home"),
        "AIRNUB_DATA_ROOT": str(tmp_path / "root"),
        "AIRNUB_SECRET_DEMO_TOKEN": "hunter2-the-token",
    }


@pytest.fixture
def start(environment, tmp_path):
    """Start the command of the department, as the leader of a process group of its own."""
    started = []
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So a shell starts what it puts into the background, and the command would inherit that it ignores Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def start(*arguments, stderr=subprocess.PIPE, **more):
        process = subprocess.Popen(
            [sys.executable, "-m", "department_for_tests", *map(str, arguments)],
            env=environment | more,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            process_group=0,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def command(start):
    """Run the command of the department to its end."""

    def run(*arguments, **more):
        process = start(*arguments, **more)
        stdout, stderr = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    return run


@pytest.fixture
def prefect_here(prefect_api, monkeypatch):
    """The server of the tests as a command in this process finds it, with Prefect as quiet as a command has it."""
    import prefect.logging.handlers

    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    monkeypatch.setattr(prefect.logging.handlers.PrefectConsoleHandler, "emit", lambda _handler, _record: None)
    return prefect_api


@pytest.fixture
def fill_store():
    """Give URLs of a source bytes, one after another, as an ingestion into a folder would."""
    from airnub_core import Item, NetworkSettings, open_engine

    def fill(folder, contents, source="shop"):
        async def settle():
            network = NetworkSettings()
            async with open_engine(folder, network) as engine:
                for url, content in contents.items():
                    item = Item(source, f"https://example.org/{url}", network)
                    await engine.commit([engine.keep(engine.begin(item, f"{url}.csv"), content, "text/csv", ())])

        asyncio.run(settle())

    return fill


@pytest.fixture
def variables(prefect_home):
    """The Variables of department_for_tests are this test's alone: processes of the tests share their server."""
    from filelock import FileLock

    with FileLock(prefect_home / "variables.lock"):
        yield


@pytest.fixture
def written(tmp_path):
    """Write a file of settings."""

    def write(text, name="settings.yaml"):
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return write


@pytest.fixture
def sent(monkeypatch):
    """Events as they are handed to Prefect: name, resource and payload."""
    from airnub_prefect import events

    found = []
    monkeypatch.setattr(events, "emit_event", lambda event, resource, payload: found.append((event, resource, payload)))
    return found


@pytest.fixture
def client(prefect_here):
    """A synchronous client of the server of the tests."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as found:
        yield found
