"""The `run` command."""

import json
import os
import pty
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from department_for_tests.department import DEPARTMENT

from airnub_core import Outcome, Report, Status
from airnub_core.errors import HttpStatusError
from airnub_core.sample_site import Reply
from airnub_prefect.command.run import run_pipeline, run_stage, stage_document
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.selection import Selection

STAGES = {stage.name: stage for stage in DEPARTMENT.stages}


def ingestion(folder, *urls, **network):
    """Settings that fetch URLs into a folder, in YAML."""
    network = {"allow_private_hosts": True, "attempts": 1} | network
    files = [{"name": "weather", "urls": list(urls)}]
    return json.dumps({"store": str(folder / "store"), "network": network, "files": files})


def embedded_servers(owner):
    """The processes that serve a command, by its process id."""
    mine = [b"airnub_prefect.embedded.process", str(owner).encode()]
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[2:4] == mine:
            found.append(int(path.parent.name))
    return found


@pytest.fixture
def run(prefect_here, capsys, written):
    """Run a stage in this process, on the server of the tests; exit status, stdout and stderr."""

    def run(stage, text, *, force=False, as_json=False):
        options = {"config": written(text), "force": force, "as_json": as_json, "verbose": False}
        status = run_stage(STAGES[stage], **options)
        return status, *capsys.readouterr()

    return run


def test_a_stage_that_completes(run, site, tmp_path):
    """Status 0, a table on stdout, and a line when a batch has ended on stderr."""
    site.routes["/a.csv"] = Reply(b"a\n")
    status, stdout, stderr = run("ingestion", ingestion(tmp_path, site.url("/a.csv")))
    assert status == 0
    assert "ingestion: 1 stored in " in stdout
    assert "a.csv" in stdout
    assert "files: 1 of 1 items have ended" in stderr


def test_a_stage_with_failures(run, site, tmp_path):
    """Status 1; each failure is named once beside the document, and the others are stored."""
    site.routes["/a.csv"] = Reply(b"a\n")
    status, stdout, stderr = run(
        "ingestion", ingestion(tmp_path, site.url("/a.csv"), site.url("/gone.csv")), as_json=True
    )
    document = json.loads(stdout)
    assert status == 1
    assert (document["stage"], document["state"]) == ("ingestion", "failed")
    assert document["counts"] == {"stored": 1, "updated": 0, "unchanged": 0, "failed": 1}
    assert document["items"][1]["error"] == {
        "type": "HttpStatusError",
        "message": f"{site.url('/gone.csv')}: expected status 200, found 404 Not Found",
        "transient": False,
    }
    assert stderr.count(f"weather: {site.url('/gone.csv')}: expected status 200, found 404 Not Found") == 1
    assert "1 of 2 items failed, tolerated: none" in stderr


def test_a_failure_is_printed_once(run, site, tmp_path):
    """In its row of the table, with the reason; the message counts."""
    status, stdout, stderr = run("ingestion", ingestion(tmp_path, site.url("/gone.csv")))
    assert status == 1
    assert (stdout + stderr).count("404 Not Found") == 1
    [row] = [line for line in stdout.splitlines() if "/gone.csv" in line]
    assert row.startswith("failed")
    assert row.endswith("expected status 200, found 404 Not Found")
    assert "1 of 1 items failed, tolerated: none; a retry will not help" in stderr


def test_a_failure_that_is_tolerated_is_printed_once_too(run, site, tmp_path):
    """In its row."""
    settings = json.loads(ingestion(tmp_path, site.url("/gone.csv"))) | {"tolerated_failures": 1}
    status, stdout, stderr = run("ingestion", json.dumps(settings))
    assert status == 0
    assert (stdout + stderr).count("404 Not Found") == 1


def test_force_reaches_the_stages_that_know_it(run, site, tmp_path):
    """An ingestion fetches again; a stage that takes no `force` runs all the same."""
    site.routes["/a.csv"] = Reply(b"a\n")
    for force in (False, False, True):
        status, *_ = run("ingestion", ingestion(tmp_path, site.url("/a.csv")), force=force)
        assert status == 0
    assert ["if-none-match" in asked.headers for asked in site.asked] == [False, True, False]
    assert run("counting", "tasks: 2", force=True)[0] == 0


def test_a_flow_without_the_parameters_of_a_selection(prefect_here, written):
    """Nothing is run, and the message names `airnub template update`."""
    with pytest.raises(ConfigurationError, match=r"counting: --source and --failed: expected .* template update"):
        run_stage(
            STAGES["counting"], Selection(["a"], failed=True),
            config=written("tasks: 1"), force=False, as_json=False, verbose=False,
        )  # fmt: skip
    with pytest.raises(ConfigurationError, match="pipeline: --failed: expected"):
        run_pipeline(DEPARTMENT, Selection(failed=True), force=False, as_json=False, verbose=False)


def test_a_flow_need_not_be_async(run):
    """An ordinary function is run, too."""
    status, stdout, _ = run("sync", "tasks: 3", as_json=True)
    assert (status, json.loads(stdout)["counts"]["stored"]) == (0, 3)


def test_the_format_of_the_document(run):
    """Scripts depend on its fields."""
    status, stdout, _ = run("counting", "tasks: 1", as_json=True)
    document = json.loads(stdout)
    assert status == 0
    assert document.pop("seconds") > 0
    assert document == {
        "stage": "counting",
        "state": "completed",
        "counts": {"stored": 1, "updated": 0, "unchanged": 0, "failed": 0},
        "bytes": 1,
        "items": [
            {
                "source": "number_0",
                "url": None,
                "outcome": "stored",
                "digest": None,
                "path": "0.txt",
                "manifest": None,
                "size": 1,
                "attempts": 1,
                "error": None,
                "rows": 0,
                "quarantined": 0,
                "note": "[none]",
            }
        ],
        "failure": None,
    }


def test_a_flow_that_crashes(run):
    """The redacted traceback is on stderr, the document on stdout, and the exit status is 1."""
    status, stdout, stderr = run("counting", "ending: broken", as_json=True)
    document = json.loads(stdout)
    assert (status, document["state"], document["items"]) == (1, "failed", [])
    assert document["failure"].startswith("counting crashed with KeyError: 'https://***@example.org/'")
    assert "flows.py" in stderr
    assert "hunter2" not in stdout + stderr


def test_a_flow_that_returns_nothing(run):
    """The message says what it should have returned."""
    status, _, stderr = run("counting", "ending: silent")
    assert status == 1
    assert "flows:counting: expected a Report, found NoneType; end it with `return await finish_stage(…)`" in stderr


def test_a_store_that_cannot_be_written(run, tmp_path):
    """It fails the run with the path, and without a traceback."""
    (tmp_path / "store").write_text("in the way")
    status, stdout, stderr = run("ingestion", ingestion(tmp_path, "http://a.invalid/"), as_json=True)
    assert status == 1
    assert str(tmp_path / "store") in json.loads(stdout)["failure"]
    assert "Traceback" not in stderr
    # Without JSON there is no table, which would say that there were no items.
    status, stdout, stderr = run("ingestion", ingestion(tmp_path, "http://a.invalid/"))
    assert (status, stdout) == (1, "")
    assert str(tmp_path / "store") in stderr


def test_a_missing_secret_stops_no_other_source(run, site, tmp_path):
    """The other sources of the category and the later categories are fetched; the run fails and says what to do."""
    site.routes |= {
        "/a.csv": Reply(b"a\n"),
        "/page.html": Reply(b'<a href="a.csv">a</a>', headers={"Content-Type": "text/html"}),
    }
    settings = json.loads(ingestion(tmp_path, site.url("/a.csv")))
    settings["apis"] = [{"name": "api", "url": site.url("/api"), "auth": {"block": "secret/not-there-at-all"}}]
    settings["pages"] = [{"name": "page", "page": site.url("/page.html"), "links": "a"}]
    status, stdout, _ = run("ingestion", json.dumps(settings), as_json=True)
    document = json.loads(stdout)
    assert (status, document["counts"]["stored"], document["counts"]["failed"]) == (1, 2, 1)
    assert "set AIRNUB_SECRET_NOT_THERE_AT_ALL in the environment" in document["failure"]


@pytest.fixture
def run_all(prefect_here, variables, capsys):
    """Run the pipeline with settings in Variables, as no stage of it is given any; exit status, stdout and stderr."""
    from prefect.variables import Variable

    names = [f"dept_department_for_tests_{stage}_config" for stage in ("ingestion", "counting")]

    def run(*settings, as_json=True):
        for name, value in zip(names, settings, strict=False):
            Variable.set(name, value, overwrite=True)
        status = run_pipeline(DEPARTMENT, force=False, as_json=as_json, verbose=False)
        return status, *capsys.readouterr()

    yield run
    for name in names:
        Variable.unset(name)


def test_a_pipeline_that_completes(run_all, site, tmp_path):
    """One document with that of each stage, in their order, and the sum of their counts; nothing else on stdout."""
    site.routes["/a.csv"] = Reply(b"a\n")
    status, stdout, stderr = run_all(json.loads(ingestion(tmp_path, site.url("/a.csv"))), {"tasks": 2})
    document = json.loads(stdout)
    assert status == 0
    assert list(document) == ["stage", "state", "counts", "seconds", "stages", "failure"]
    assert (document["stage"], document["state"], document["failure"]) == ("pipeline", "completed", None)
    assert document["counts"] == {"stored": 3, "updated": 0, "unchanged": 0, "failed": 0}
    assert [(one["stage"], one["state"], len(one["items"])) for one in document["stages"]] == [
        ("ingestion", "completed", 1), ("counting", "completed", 2)
    ]  # fmt: skip
    assert document["seconds"] >= max(one["seconds"] for one in document["stages"]) > 0
    assert "pipeline: all stages completed in " in stderr


def test_a_pipeline_of_which_a_stage_fails(run_all, site, tmp_path):
    """Status 1; stages before it and the one that failed have documents, those after it were not started."""
    site.routes["/a.csv"] = Reply(b"a\n")
    wrong = json.loads(ingestion(tmp_path, site.url("/a.csv"), site.url("/gone.csv")))
    status, stdout, stderr = run_all(wrong, {"tasks": 2})
    document = json.loads(stdout)
    assert (status, document["state"]) == (1, "failed")
    [stage] = document["stages"]
    assert (stage["stage"], stage["state"], len(stage["items"])) == ("ingestion", "failed", 2)
    assert stage["counts"] == document["counts"] == {"stored": 1, "updated": 0, "unchanged": 0, "failed": 1}
    assert stage["failure"] == document["failure"]
    assert "completed stages: none" in stderr
    status, stdout, stderr = run_all(
        json.loads(ingestion(tmp_path, site.url("/a.csv"))), {"tasks": 1, "ending": "failed"}
    )
    stages = json.loads(stdout)["stages"]
    assert [(one["stage"], one["state"]) for one in stages] == [("ingestion", "completed"), ("counting", "failed")]
    assert "completed stages: ingestion" in stderr
    assert status == 1


def test_a_pipeline_that_makes_what_can_be_made(run_all, site, tmp_path, monkeypatch):
    """Every stage has its document; the failure names each item once, and the status is 1."""
    from department_for_tests import flows
    from prefect import flow

    from airnub_prefect.pipeline import run_stages

    @flow(name="department-for-tests")
    async def pipeline(force=False):
        return await run_stages({"ingestion": lambda: flows.ingestion(None, force), "counting": flows.counting})

    monkeypatch.setattr(flows, "pipeline", pipeline)
    site.routes["/a.csv"] = Reply(b"a\n")
    wrong = json.loads(ingestion(tmp_path, site.url("/a.csv"), site.url("/gone.csv")))
    status, stdout, stderr = run_all(wrong, {"tasks": 2})
    document = json.loads(stdout)
    assert (status, document["state"]) == (1, "failed")
    assert [(one["stage"], one["state"]) for one in document["stages"]] == [
        ("ingestion", "failed"),
        ("counting", "completed"),
    ]
    assert document["failure"].count("gone.csv: expected status 200") == 1
    assert "pipeline: failed; completed stages: counting. Stored items are safe" in stderr


def test_a_pipeline_goes_on_after_wrong_settings(run_all, monkeypatch):
    """The later stage has its document; the status is that of a mistake in the configuration, and it is named."""
    from department_for_tests import flows
    from prefect import flow

    from airnub_prefect.pipeline import run_stages

    @flow(name="department-for-tests")
    async def pipeline(force=False):
        return await run_stages({"ingestion": lambda: flows.ingestion(None, force), "counting": flows.counting})

    monkeypatch.setattr(flows, "pipeline", pipeline)
    status, stdout, _ = run_all({"stroe": "x"}, {"tasks": 2})
    document = json.loads(stdout)
    assert (status, [(one["stage"], one["state"]) for one in document["stages"]]) == (2, [("counting", "completed")])
    assert "unknown key 'stroe'" in document["failure"]


def test_a_pipeline_with_a_stage_that_crashes(run_all, site, tmp_path):
    """Completed stages have their document, the crashed one has none, and `failure` has the reason."""
    site.routes["/a.csv"] = Reply(b"a\n")
    right = json.loads(ingestion(tmp_path, site.url("/a.csv")))
    status, stdout, stderr = run_all(right, {"ending": "broken"})
    document = json.loads(stdout)
    assert (status, [one["stage"] for one in document["stages"]]) == (1, ["ingestion"])
    assert document["failure"].startswith("pipeline crashed with KeyError: 'https://***@example.org/'")
    assert "hunter2" not in stdout + stderr
    status, stdout, _ = run_all(right, {"ending": "silent"})
    assert (status, json.loads(stdout)["state"]) == (1, "failed")
    assert "flows:counting: expected a Report, found NoneType" in json.loads(stdout)["failure"]


def test_wrong_settings_of_a_pipeline(run_all, site, tmp_path):
    """Of its first stage: nothing was run, as for a stage alone. Of a later one: status 2, and what ran is reported."""
    with pytest.raises(ConfigurationError, match="stroe"):
        run_all({"stroe": "x"})
    site.routes["/a.csv"] = Reply(b"a\n")
    status, stdout, _ = run_all(json.loads(ingestion(tmp_path, site.url("/a.csv"))), {"taks": 1})
    document = json.loads(stdout)
    assert (status, document["state"], [one["stage"] for one in document["stages"]]) == (2, "failed", ["ingestion"])
    assert "taks" in document["failure"]


def test_a_pipeline_without_json(run_all, site, tmp_path):
    """The output has a table for each stage."""
    site.routes["/a.csv"] = Reply(b"a\n")
    status, stdout, _ = run_all(json.loads(ingestion(tmp_path, site.url("/a.csv"))), {"tasks": 2}, as_json=False)
    assert status == 0
    assert "ingestion: 1 stored in " in stdout
    assert "counting: 2 stored in " in stdout


def test_stdout_is_json_whatever_is_printed(command, written, prefect_api):
    """What flows, their child processes and Prefect print goes to stderr."""
    config = written("ending: chatty\n")
    done = command("run", "counting", "--config", config, "--json", "--verbose", PREFECT_API_URL=prefect_api)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "completed"
    assert "printed by the flow\n" in done.stderr
    assert "printed by a child of the flow\n" in done.stderr
    assert "Beginning flow run" in done.stderr


def test_progress_on_a_terminal(start, site, written, tmp_path, prefect_api):
    """On a terminal there are bars, which are gone at the end; stdout is as it is without one."""
    released = threading.Event()
    site.routes |= {"/a.csv": Reply(b"a\n"), "/slow.csv": lambda _asked: released.wait() and Reply(b"slow\n")}
    config = written(ingestion(tmp_path, site.url("/a.csv"), site.url("/slow.csv"), site.url("/gone.csv")))
    terminal, other_end = pty.openpty()
    process = start(
        *("run", "ingestion", "--config", config, "--json"),
        stderr=other_end,
        PREFECT_API_URL=prefect_api,
        TERM="xterm-256color",
        COLUMNS="100",
    )
    os.close(other_end)
    shown = b""
    while chunk := _read(terminal):
        shown += chunk
        if b"1/3" in shown:
            released.set()
    os.close(terminal)
    stdout, _ = process.communicate()
    assert process.returncode == 1
    assert json.loads(stdout)["counts"] == {"stored": 2, "updated": 0, "unchanged": 0, "failed": 1}
    text = shown.decode()
    assert "files" in text
    assert "━" in text
    assert "/gone.csv" in text
    assert "items have ended" not in text
    assert "anonymous usage data" not in text


def _read(terminal):
    try:
        return os.read(terminal, 1000)
    except OSError:  # Linux raises this when the other end is closed
        return b""


@pytest.fixture
def halted(start, site, written, tmp_path):
    """A command with an embedded server, in the middle of a slow fetch; one file is stored already."""
    reached, released = threading.Event(), threading.Event()

    def slow(_asked):
        reached.set()
        released.wait()
        return Reply(b"slow\n")

    site.routes |= {"/a.csv": Reply(b"a\n"), "/slow.csv": slow}
    files = [{"name": "quick", "urls": [site.url("/a.csv")]}]
    pages = [{"name": "slow", "page": site.url("/slow.csv"), "links": "a"}]
    settings = json.loads(ingestion(tmp_path)) | {"files": files, "pages": pages}
    process = start("run", "ingestion", "--config", written(json.dumps(settings)), "--json")
    try:
        assert reached.wait(120), process.communicate()
        [server] = embedded_servers(process.pid)
        yield process, server
    finally:
        released.set()


@pytest.mark.system
def test_sigterm(halted, tmp_path):
    """SIGTERM to the command alone, as Docker sends it: no process is left, and stored items are whole."""
    process, server = halted
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    # Prefect raises the signal wherever the event loop just is: mostly it ends like Ctrl-C, at times like a failure.
    assert process.returncode in {1, 130}
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)
    assert [path.read_bytes() for path in (tmp_path / "store").glob("quick/*/*/a.csv")] == [b"a\n"]


@pytest.mark.system
def test_ctrl_c(halted, tmp_path):
    """Exit status 130, the number of stored items is printed, and no process and no partial file is left."""
    process, server = halted
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stdout == ""
    assert "Interrupted. The 1 completed item is safe; run it again for the rest" in stderr
    assert "Traceback" not in stderr
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert [path.read_bytes() for path in (tmp_path / "store").glob("quick/*/*/a.csv")] == [b"a\n"]
    with closing(sqlite3.connect(tmp_path / "home" / "prefect.db")) as database:
        states = database.execute("SELECT name, state_type FROM flow_run").fetchall()
    assert [state for _, state in states] == ["CRASHED"]
    assert {path.name for path in (tmp_path / "home").iterdir()} <= {"prefect.db", "prefect.db-wal", "prefect.db-shm"}


@pytest.mark.system
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_interrupted_downloads(start, site, written, tmp_path, sent):
    """Downloaded files are committed and counted in every thread; a hanging transfer does not delay the end."""
    reached, released = threading.Event(), threading.Event()
    site.routes |= {f"/{number}.csv": Reply(f"{number}\n".encode()) for number in range(20)}
    site.routes["/slow.csv"] = lambda _asked: reached.set() or (released.wait() and Reply(b"slow\n"))
    process = start("run", "ingestion", "--config", written(ingestion(tmp_path, *map(site.url, site.routes))), "--json")
    try:
        assert reached.wait(120), process.communicate()
        process.send_signal(sent)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        released.set()
    assert process.returncode in ({130} if sent == signal.SIGINT else {1, 130}), stderr
    objects = [path.read_text() for path in (tmp_path / "store").glob("weather/*/*/*.csv")]
    if process.returncode == 130:
        assert stdout == ""
        assert f" {len(objects)} completed item" in stderr if objects else "No item was complete" in stderr
    assert set(objects) <= {f"{number}\n" for number in range(20)}
    assert [path.name for path in (tmp_path / "store" / ".airnub" / "staging").iterdir()] == ["lock"]


@pytest.mark.system
def test_kill_9(halted, tmp_path):
    """The embedded server stops by itself, and leaves only the database."""
    process, server = halted
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while server in embedded_servers(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert embedded_servers(process.pid) == []
    with closing(sqlite3.connect(tmp_path / "home" / "prefect.db")) as database:
        assert database.execute("SELECT count(*) FROM flow_run").fetchone() == (1,)
    assert {path.name for path in (tmp_path / "home").iterdir()} <= {"prefect.db", "prefect.db-wal", "prefect.db-shm"}


def test_the_document():
    """Its state follows from the failure."""
    failed = Outcome("b", Status.FAILED, url="https://b/x.csv", error=HttpStatusError("https://me:hunter2@b/x", 404))
    document = stage_document("ingestion", Report([failed]), failure="1 of 1", seconds=1.23456)
    assert (document["state"], document["seconds"], document["failure"]) == ("failed", 1.235, "1 of 1")
    assert "hunter2" not in json.dumps(document)
    assert stage_document("ingestion", Report(), failure=None, seconds=0)["state"] == "completed"
