"""The command `airnub retention`: runs past the retention are counted as the vacuum of Prefect selects them."""

import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from prefect import flow, runtime, task
from prefect.artifacts import create_markdown_artifact

from airnub_cli.__main__ import main
from airnub_cli.prefect_api import BackendError, prefect_server
from airnub_cli.retention import Policy, count_expired, read_policy


@pytest.fixture
def server(prefect_api):
    """The API of the server of the tests."""
    with prefect_server() as running:
        yield running


ENDED = datetime(1990, 1, 1, tzinfo=UTC)
"""No other test has a run that ended then: all of them share one server."""


@pytest.fixture
def old_run(server, prefect_home):
    """A run with a subflow run, a task run and an artifact, with an end in the past."""

    @task
    def work():
        create_markdown_artifact("x", key="of-a-task")

    @flow
    def part():
        work()

    @flow
    def whole():
        part()
        return runtime.flow_run.id

    run = whole()
    ids = (
        run,
        *(one["id"] for one in server.all("/flow_runs/filter", flow_runs={"parent_flow_run_id": {"any_": [run]}})),
    )
    with closing(sqlite3.connect(prefect_home / "prefect.db", timeout=60)) as database, database:
        for one in ids:
            database.execute("UPDATE flow_run SET end_time = ? WHERE id = ?", (f"{ENDED:%Y-%m-%d %H:%M:%S.%f}", one))
    yield run
    for one in ids:
        server.delete(f"/flow_runs/{one}")


def test_runs_past_the_retention_are_counted(server, old_run):
    """With subflow runs, task runs and artifacts; younger runs are not."""

    def counts(days):
        found = count_expired(server, timedelta(days=days), ENDED + timedelta(days=30))
        return [found.flow_runs, found.task_runs, found.artifacts]

    # The server records task runs a moment after their end.
    wait_for(lambda: counts(29) == [2, 1, 1])
    assert counts(31) == [0, 0, 0]


def wait_for(holds):
    for _ in range(100):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("expected the counts of one run")


def test_the_policy_of_a_server(server):
    """The server of the tests has Prefect's defaults."""
    assert read_policy(server) == Policy(enabled=False, retention=timedelta(days=90))


@pytest.mark.parametrize(
    ("enabled", "seconds", "runs"),
    [(True, 60, True), (False, 60.0, False), (["flow_runs"], "PT1M", True), ([], "PT1M", False)],
)
def test_the_older_form_of_the_setting_is_understood(enabled, seconds, runs):
    """`true` stands for all vacuums."""

    class Server:
        url = "http://127.0.0.1:4200/api"

        def get(self, _path):
            return {"server": {"services": {"db_vacuum": {"enabled": enabled, "retention_period": seconds}}}}

    assert read_policy(Server()) == Policy(runs, timedelta(minutes=1))


def test_a_server_without_these_settings_is_named():
    """Prefect Cloud does not publish them."""

    class Server:
        url = "https://api.prefect.cloud/api"

        def get(self, _path):
            return None

    with pytest.raises(BackendError, match="expected the settings of a Prefect server"):
        read_policy(Server())


@pytest.fixture
def invoke(prefect_api, monkeypatch):
    """Run the command against the server of the tests; status and stdout."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)

    def invoke(*words):
        answer = CliRunner().invoke(main, ["retention", *words])
        return answer.exit_code, answer.stdout

    return invoke


def test_counts_are_printed_with_the_policy(invoke):
    """For a server that removes no runs, with the setting."""
    status, printed = invoke()
    assert status == 0
    assert "90 days ago" in printed
    assert "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED=events,flow_runs" in printed


def test_json_is_one_document(invoke):
    """For a different retention, too."""
    status, printed = invoke("--days", "30", "--json")
    document = json.loads(printed)
    assert (status, document["retention_days"], document["enabled"]) == (0, 30, False)
    assert {"flow_runs", "task_runs", "artifacts", "before", "server"} < set(document)


def test_a_server_that_does_not_answer_is_an_error(monkeypatch, tmp_path, invoke):
    """Exit status 1, with its URL."""
    monkeypatch.setattr("airnub_cli.retention.use_dotenv", lambda _root: {})
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        answer = CliRunner().invoke(main, ["retention"])
    assert answer.exit_code == 1
    assert "expected a Prefect server at http://127.0.0.1:9/api" in answer.stderr
