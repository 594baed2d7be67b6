"""The process of the embedded server."""

import asyncio
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from airnub_prefect.embedded import process


@pytest.fixture
def metrics(monkeypatch):
    """What Prefect's broker counts, without a server."""
    counts = {}
    module = SimpleNamespace(METRICS=counts)
    monkeypatch.setitem(sys.modules, "prefect.server.utilities.messaging.memory", module)
    return counts


def lifespan(metrics, consume):
    """Start and stop an application; the messages that it received, and what was unrecorded at its end."""
    received = []

    async def app(_scope, receive, _send):
        while not received or received[-1]["type"] != "lifespan.shutdown":
            received.append(await receive())
        received.append({topic: counts["published"] - counts["consumed"] for topic, counts in metrics.items()})

    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive():
        return next(messages)

    async def run():
        consuming = asyncio.create_task(consume())
        await process.drain_before_shutdown(app)({"type": "lifespan"}, receive, None)
        consuming.cancel()

    asyncio.run(run())
    return received


async def nothing():
    """A consumer that never handles a message."""


def test_shutdown_waits_until_all_is_recorded(metrics):
    """The application hears of its end only when each message that was published has been handled."""
    metrics["events"] = {"published": 3, "consumed": 0}
    metrics["task-runs"] = {"published": 0, "consumed": 0}

    async def consume():
        while metrics["events"]["consumed"] < 3:
            await asyncio.sleep(0)
            metrics["events"]["consumed"] += 1

    startup, shutdown, left = lifespan(metrics, consume)
    assert (startup["type"], shutdown["type"]) == ("lifespan.startup", "lifespan.shutdown")
    assert left == {"events": 0, "task-runs": 0}


def test_messages_that_cannot_be_recorded_are_dropped(metrics, monkeypatch, capsys):
    """Without progress the server stops, and logs the number of dropped messages."""
    monkeypatch.setattr(process, "STALL_TIMEOUT", 0.0)
    metrics["events"] = {"published": 3, "consumed": 1}
    assert lifespan(metrics, nothing)[-1] == {"events": 2}
    assert "messages were not recorded: {'events': (3, 1)}" in capsys.readouterr().err


def test_requests_are_passed_on():
    """Only the end is waited for; requests are the application's alone."""
    seen = []

    async def app(*arguments):
        seen.append(arguments)

    arguments = ({"type": "http"}, nothing, nothing)
    asyncio.run(process.drain_before_shutdown(app)(*arguments))
    assert seen == [arguments]


def test_it_ends_with_its_owner():
    """The server stops after the process of its owner has ended."""
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with owner:
        assert process._exists(owner.pid)
        owner.communicate()
    server = SimpleNamespace(should_exit=False)
    process._stop_with_owner(owner.pid, server)
    assert server.should_exit


def test_a_process_of_a_different_user_exists(monkeypatch):
    """A process that may not be signalled counts as running."""

    def refuse(_pid, _signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert process._exists(1)
