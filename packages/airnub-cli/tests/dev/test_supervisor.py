"""The order of things, with parts that are pieces of Python; the real ones are in tests/test_dev.py."""

import asyncio
import os
import signal
import sys
from types import SimpleNamespace

import click
import pytest

from airnub_cli.dev import supervisor as module
from airnub_cli.dev.output import Output
from airnub_cli.dev.services import Service
from airnub_cli.dev.state import listening
from airnub_cli.dev.supervisor import Supervisor

STAYS = "import time; time.sleep(60)"
DEPLOYS = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"status": 0, "deployed": 1, "changed": 0}), flush=True)
"""


class Plan(SimpleNamespace):
    """What `Dev` asks of a plan."""

    def part(self, name, code, **more):
        return Service(name, (sys.executable, "-c", code), dict(os.environ), self.root, patience=1.0, **more)

    def server(self, socket):
        code = (
            f"import socket, http.server as h\nc = type('C', (h.BaseHTTPRequestHandler,), "
            "{'do_GET': lambda s: (s.send_response(200), s.end_headers()), 'log_message': lambda *a: None})\n"
            f"s = h.HTTPServer(('127.0.0.1', 0), c, False)\ns.socket = socket.socket(fileno={socket})\n"
            "s.serve_forever()"
        )
        return self.part("server", code, inherits=(socket,))

    def site(self):
        return self.part("site", self.site_code)

    def deployer(self):
        return self.part("deploy", DEPLOYS, takes_orders=True)

    def worker(self, pool):
        return self.part(pool, self.worker_code, may_return=True)

    def pools(self):
        return ["pool"]


@pytest.fixture
def run(tmp_path):
    """Run parts until something is said, then be told to end; the exit status and all that was said."""

    def run(until, *, site=STAYS, worker=STAYS, then=lambda: os.kill(os.getpid(), signal.SIGINT)):
        said = []

        def echo(line):
            said.append(click.unstyle(line))
            if until in line:
                then()

        server = listening(0, 0, "--port")
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        plan = Plan(
            root=tmp_path, url=url, api_url=f"{url}/api", site_code=site, worker_code=worker,
            site_port=None if site is None else 1,
        )  # fmt: skip
        status = asyncio.run(Supervisor(plan, Output(echo)).run(server))
        return status, "\n".join(said)

    return run


def test_everything_is_started_and_one_key_ends_it(run):
    """Ready is told once the deployments are there; the exit status is 0."""
    status, said = run("Files are watched")
    assert status == 0
    assert "1 deployments deployed" in said
    assert said.rstrip().endswith("ended")


def test_without_the_sample_site_all_else_is_there(run):
    """Runs ask the departments' own sources."""
    status, said = run("Files are watched", site=None)
    assert status == 0
    assert "1 deployments deployed" in said


def test_a_site_that_dies_is_told_and_ends_everything(run):
    """Without it every run would fail."""
    status, said = run("never", site="raise SystemExit(7)")
    assert status == 1
    assert "site died with exit status 7" in said


def test_a_worker_that_cannot_live_ends_everything(run):
    """It would die again."""
    status, said = run("never", worker="raise SystemExit(5)")
    assert status == 1
    assert "pool died with exit status 5" in said


def test_a_worker_that_dies_is_started_again(run, monkeypatch, tmp_path):
    """Once it has lived a while."""
    monkeypatch.setattr(module, "SHORT_LIFE", 0.0)
    once = f"import pathlib, time; p = pathlib.Path({str(tmp_path / 'once')!r}); there = p.exists(); p.touch()\n"
    status, said = run("again I am", worker=once + "print('again I am' if there else '', flush=True)\n" + (
        "time.sleep(60) if there else time.sleep(0.1)"
    ))  # fmt: skip
    assert status == 0
    assert "is started again" in said


def test_a_change_is_deployed(run, tmp_path):
    """And what changed is named."""
    folder = tmp_path / "configs"
    folder.mkdir()
    new = folder / "new.yaml"

    def change_or_end():
        if new.exists():
            os.kill(os.getpid(), signal.SIGINT)
        else:
            new.write_text("")

    status, said = run("deployments deployed", then=change_or_end)
    assert status == 0
    assert "changed: configs/new.yaml" in said
