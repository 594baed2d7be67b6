"""The command `airnub retention`: what it prints, and its exit status."""

import json

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main


@pytest.fixture
def invoke(prefect_api, monkeypatch):
    """Run the command against the server of the tests; status and stdout."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)

    def invoke(*words):
        answer = CliRunner().invoke(main, ["retention", *words])
        return answer.exit_code, answer.stdout

    return invoke


def test_counts_are_printed_with_what_the_server_does(invoke):
    """A server that removes no runs is said to, with the setting."""
    status, printed = invoke()
    assert status == 0
    assert "90 days ago" in printed
    assert "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED=events,flow_runs" in printed


def test_json_is_one_document(invoke):
    """For another retention, too."""
    status, printed = invoke("--days", "30", "--json")
    document = json.loads(printed)
    assert (status, document["retention_days"], document["enabled"]) == (0, 30, False)
    assert {"flow_runs", "task_runs", "artifacts", "before", "server"} < set(document)


def test_a_server_that_does_not_answer_is_an_error(monkeypatch, tmp_path, invoke):
    """Exit status 1, and its URL."""
    monkeypatch.setattr("airnub_cli.retention.command.known_values", lambda _root: {})
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        answer = CliRunner().invoke(main, ["retention"])
    assert answer.exit_code == 1
    assert "expected a Prefect server at http://127.0.0.1:9/api" in answer.stderr
