"""The `demo` command."""

import json
import socket
import sqlite3
from contextlib import closing

import pytest
from department_for_tests.department import DEPARTMENT

from airnub_core import StoreError
from airnub_prefect.command import demo as demo_module
from airnub_prefect.command.demo import run_demo
from airnub_prefect.session import Session


@pytest.fixture
def run(prefect_here, data_root, monkeypatch, capsys):
    """Run the demo in this process, on the server of the tests; exit status, stdout and stderr."""
    monkeypatch.setenv("AIRNUB_SECRET_DEMO_TOKEN", "hunter2-the-token")
    monkeypatch.chdir(data_root)

    def run(*, with_failure=False, force=False):
        status = run_demo(DEPARTMENT, Session(None, prefect_here), with_failure=with_failure, force=force)
        return status, *capsys.readouterr()

    return run


def test_a_first_and_a_second_demo(run, monkeypatch):
    """The first demo stores everything; the second one finds all URLs unchanged."""
    few_tasks(monkeypatch)
    status, out, err = run()
    assert status == 0
    assert "ingestion: 3 stored" in out
    assert "counting: 2 stored" in out
    assert "  objects   data/demo/department_for_tests/store\n" in out
    assert "  found     [none]\n" in out
    assert "uv run department-for-tests demo --with-failure" in out
    assert "The sample site is at http://127.0.0.1:" in err
    assert "ingestion: 3 unchanged" in run()[1]


def test_a_broken_link(run, monkeypatch):
    """The ingestion fails and names the link, later stages are not started, and the exit status is 1."""
    few_tasks(monkeypatch)
    status, out, err = run(with_failure=True)
    assert status == 1
    assert "ingestion: 3 stored, 1 failed" in out
    assert "The stages after ingestion were not started. Stored items are safe" in out
    assert (out + err).count("expected status 200, found 404 Not Found") == 1
    assert "ingestion: 1 of 4 items failed" in err


def few_tasks(monkeypatch, **settings):
    """Two tasks are enough."""
    from department_for_tests.demo import Demo
    from department_for_tests.settings import CountingSettings

    whole = Demo.settings
    counting = CountingSettings(**{"tasks": 2} | settings)
    monkeypatch.setattr(Demo, "settings", lambda self, site, root: {**whole(self, site, root), "counting": counting})


def test_a_flow_that_crashes(run, monkeypatch):
    """The traceback is printed, and the demo ends with exit status 1."""
    few_tasks(monkeypatch, ending="broken")
    status, _, err = run()
    assert status == 1
    assert "department_for_tests crashed with KeyError" in err
    assert "hunter2" not in err


@pytest.mark.parametrize("remembered", ["", "text", "-1", "999999", "taken"])
def test_a_taken_port(tmp_path, remembered):
    """The demo uses a free port, and keeps it for the next demo."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        text = str(other.getsockname()[1]) if remembered == "taken" else remembered
        (tmp_path / "site-port").write_text(text)
        with demo_module._serve({}, tmp_path) as site:
            assert (tmp_path / "site-port").read_text() == str(site.port) != text


def test_a_data_root_that_cannot_be_written(tmp_path):
    """The error is that of a store that cannot be written."""
    (tmp_path / "root").write_text("in the way")
    with pytest.raises(StoreError, match=r"root: File exists"):
        demo_module._serve({}, tmp_path / "root")


@pytest.mark.system
def test_two_commands_on_one_home(start, written, tmp_path):
    """A demo and a run at once, each with a server of its own on one new database, record everything.

    Every task run is there and Completed, every artifact is there, and the value of the secret is nowhere.
    """
    demo = start("demo")
    run = start("run", "counting", "--config", written("tasks: 10\n"), "--json")
    run_out, run_err = run.communicate(timeout=180)
    demo_out, demo_err = demo.communicate(timeout=180)
    assert (demo.returncode, run.returncode) == (0, 0), demo_err + run_err
    assert json.loads(run_out)["counts"]["stored"] == 10
    assert "All stages completed in " in demo_out
    assert f"  runs      {tmp_path / 'home' / 'prefect.db'}\n" in demo_out
    with closing(sqlite3.connect(tmp_path / "home" / "prefect.db")) as database:

        def rows(sql):
            return dict(database.execute(sql).fetchall())

        task_runs = rows("SELECT substr(name, 1, instr(name, '-') - 1) AS task, count(*) FROM task_run GROUP BY task")
        assert task_runs == {"count": 160, "fetch_files": 1, "fetch_apis": 1, "fetch_pages": 1, "department": 2}
        assert rows("SELECT state_type, count(*) FROM task_run GROUP BY 1") == {"COMPLETED": 165}
        assert rows("SELECT state_type, count(*) FROM flow_run GROUP BY 1") == {"COMPLETED": 4}
        artifacts = rows("SELECT key, count(*) FROM artifact WHERE key IS NOT NULL GROUP BY 1")
        assert artifacts == {
            f"department-for-tests-{stage}-{what}": runs
            for stage, runs in {"ingestion": 1, "counting": 2}.items()
            for what in ("items", "summary")
        }
    written_down = [*(tmp_path / "home").iterdir(), *(tmp_path / "root").rglob("*")]
    assert [path for path in written_down if path.is_file() and b"hunter2" in path.read_bytes()] == []
    assert "hunter2" not in demo_out + demo_err
