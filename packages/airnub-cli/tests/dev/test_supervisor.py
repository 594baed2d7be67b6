"""Watched files, output, and the supervisor with small services; the real ones are in tests/test_dev.py."""

import asyncio
import os
import signal
import sys
from types import SimpleNamespace

import click
import pytest

from airnub_cli.dev import supervisor as module
from airnub_cli.dev.services import Service
from airnub_cli.dev.state import listening
from airnub_cli.dev.supervisor import SELF, Output, Supervisor, changes, different, is_code, look


@pytest.fixture
def root(tmp_path):
    """A small repository."""
    for name in ("packages/p/src/p/a.py", "departments/d/prefect.yaml", "configs/variables/d/x.yaml", "docs/a.md"):
        write(tmp_path / name, "one")
    return tmp_path


def write(path, text):
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_only_files_of_deployments_are_watched(root):
    """Sources, departments' files, configs, pools and `.env`; no documentation."""
    write(root / ".env", "A=1")
    write(root / "infra/work-pools/d.yaml", "")
    names = {path.relative_to(root).as_posix() for path in look(root)}
    assert names == {
        "packages/p/src/p/a.py", "departments/d/prefect.yaml", "configs/variables/d/x.yaml", ".env",
        "infra/work-pools/d.yaml",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["__pycache__/a.cpython-313.pyc", ".a.py.swp", "a.py~", ".hidden/a.py", "a.tmp"])
def test_temporary_files_of_tools_are_ignored(root, name):
    """Bytecode, and temporary files of editors."""
    before = look(root)
    write(root / "packages/p/src/p" / name, "")
    assert different(before, look(root)) == []


def test_new_changed_and_removed_files_are_changes(root):
    """Also if the size is the same."""
    before = look(root)
    source, new, gone = (root / f"packages/p/src/p/{name}.py" for name in "abc")
    write(gone, "")
    with_gone = look(root)
    gone.unlink()
    write(new, "")
    source.write_text("two")
    os.utime(source, ns=(1, 1))
    assert different(before, look(root)) == [source, new]
    assert gone in different(with_gone, look(root))


def test_code_differs_from_yaml(root):
    """Only code can change a deployment without changing its file."""
    assert is_code(root / "packages/p/src/p/a.py")
    assert not is_code(root / "configs/variables/d/x.yaml")


def test_many_writes_in_a_row_are_one_change(root):
    """For example those of `git checkout`."""

    async def first():
        found = changes(root, every=0.05)
        waiting = asyncio.create_task(anext(found))
        await asyncio.sleep(0.1)
        for number in range(10):
            write(root / f"configs/{number}.yaml", "")
            await asyncio.sleep(0.01)
        return await asyncio.wait_for(waiting, 10)

    assert len(asyncio.run(first())) == 10


def shown(*lines, names=()):
    """The printed lines without colours."""
    said = []
    view = Output(said.append)
    for name in names:
        view.add(name)
    for name, text in lines:
        view.line(name, text)
    return [click.unstyle(line) for line in said]


def test_names_are_aligned():
    """To the longest known name."""
    assert shown(("site", "one"), ("server", "two"), names=("server", "site")) == ["site   │ one", "server │ two"]


def test_every_service_has_a_colour():
    """Different from the one of `airnub dev` itself."""
    said = []
    view = Output(said.append)
    for name in (SELF, "server", "site"):
        view.line(name, "")
    assert len({line.partition("m")[0] for line in said}) == 3


def test_cursor_movements_are_stripped():
    """A service that clears the screen would remove lines of others."""
    assert shown(("site", "\x1b[2J\x1b[1Abefore\rafter")) == ["site │ beforeafter"]


def test_each_line_of_a_message_has_the_name():
    """So an error of several lines differs from output of services."""
    said = []
    Output(said.append).alarm("one\ntwo")
    assert [click.unstyle(line) for line in said] == ["dev │ one", "dev │ two"]


STAYS = "import time; time.sleep(60)"
DEPLOYS = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"status": 0, "deployed": 1, "changed": 0}), flush=True)
"""


class Plan(SimpleNamespace):
    """The interface that the supervisor needs of `Services`."""

    def part(self, name, code, **more):
        return Service(name, (sys.executable, "-c", code), dict(os.environ), self.root, patience=1.0, **more)

    def server(self, socket):
        code = (
            f"import socket, http.server as h\nc = type('C', (h.BaseHTTPRequestHandler,), "
            "{'do_GET': lambda s: (s.send_response(404 if 'removed' in s.path else 200), s.end_headers()), "
            "'log_message': lambda *a: None})\n"
            f"s = h.HTTPServer(('127.0.0.1', 0), c, False)\ns.socket = socket.socket(fileno={socket})\n"
            "s.serve_forever()"
        )
        return self.part("server", code, inherits=(socket,))

    def database(self):
        log = self.root / "database.log"
        return None if self.cluster is None else self.part("database", self.cluster.code, log=log)

    def site(self):
        return self.part("site", self.site_code)

    def deployer(self):
        return self.part("deploy", DEPLOYS, takes_orders=True)

    def worker(self, pool):
        return self.part(pool, self.worker_code, may_return=True)

    def pools(self):
        return self.names


@pytest.fixture
def run(tmp_path):
    """Run parts until something is said, then be told to end; the exit status and all that was said."""

    def run(
        until,
        *,
        site=STAYS,
        worker=STAYS,
        pools=("pool",),
        cluster=None,
        then=lambda: os.kill(os.getpid(), signal.SIGINT),
    ):
        said = []

        def echo(line):
            said.append(click.unstyle(line))
            if until in line:
                then()

        server = listening(0, 0, "--port")
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        plan = Plan(
            root=tmp_path, url=url, api_url=f"{url}/api", site_code=site, worker_code=worker,
            site_port=None if site is None else 1, cluster=cluster, names=pools,
        )  # fmt: skip
        status = asyncio.run(Supervisor(plan, Output(echo)).run(server))
        return status, "\n".join(said)

    return run


def test_everything_is_started_and_ctrl_c_stops_it(run):
    """Ready is printed once deployments exist; the exit status is 0."""
    status, said = run("Files are watched")
    assert status == 0
    assert "1 deployments deployed" in said
    assert said.rstrip().endswith("stopped")


def test_without_the_sample_site_everything_else_starts(run):
    """Runs use the departments' own sources."""
    status, said = run("Files are watched", site=None)
    assert status == 0
    assert "1 deployments deployed" in said


def test_a_site_that_dies_stops_everything(run):
    """Without it every run would fail."""
    status, said = run("never", site="raise SystemExit(7)")
    assert status == 1
    assert "site died with exit status 7" in said


def test_a_worker_that_dies_soon_stops_everything(run):
    """It would die again."""
    status, said = run("never", worker="raise SystemExit(5)")
    assert status == 1
    assert "pool died with exit status 5" in said


def test_a_worker_that_dies_is_restarted(run, monkeypatch, tmp_path):
    """If it ran long enough."""
    monkeypatch.setattr(module, "SHORT_LIFE", 0.0)
    once = f"import pathlib, time; p = pathlib.Path({str(tmp_path / 'once')!r}); there = p.exists(); p.touch()\n"
    status, said = run("again I am", worker=once + "print('again I am' if there else '', flush=True)\n" + (
        "time.sleep(60) if there else time.sleep(0.1)"
    ))  # fmt: skip
    assert status == 0
    assert "is restarted" in said


def test_a_worker_whose_pool_was_removed_is_not_restarted(run):
    """A department was removed while the system runs: everything else goes on."""
    status, said = run("work pool was removed", worker="raise SystemExit(1)", pools=["removed"])
    assert status == 0
    assert "removed has ended, since its work pool was removed" in said
    assert "died" not in said


def test_a_change_is_deployed(run, tmp_path):
    """The changed file is printed."""
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


def test_the_database_starts_before_the_server(run, tmp_path):
    """Its output is only in its log."""
    ready = tmp_path / "ready"
    code = f"import pathlib; print('I serve', flush=True); pathlib.Path({str(ready)!r}).touch(); {STAYS}"
    status, said = run("Files are watched", cluster=SimpleNamespace(code=code, is_ready=lambda _: ready.exists()))
    assert status == 0
    assert "I serve" not in said
    assert "I serve" in (tmp_path / "database.log").read_text()


def test_a_database_that_cannot_start_stops_everything(run, tmp_path):
    """The end of its log is printed, with the path."""
    cluster = SimpleNamespace(code="print('no space left'); raise SystemExit(3)", is_ready=lambda _: False)
    status, said = run("never", cluster=cluster)
    assert status == 1
    assert "database died with exit status 3" in said
    assert "no space left" in said
    assert f"its log: {tmp_path / 'database.log'}" in said
