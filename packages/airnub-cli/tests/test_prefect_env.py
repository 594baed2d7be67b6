"""Environment variables of Prefect."""

import os

from airnub_cli.prefect_env import quiet_prefect, use_dotenv


def test_variables_that_are_set_are_kept(monkeypatch):
    """Only missing ones are set."""
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    quiet_prefect()
    assert (os.environ["DO_NOT_TRACK"], os.environ["PREFECT_LOGGING_LEVEL"]) == ("1", "DEBUG")


def test_settings_of_dotenv_are_set(monkeypatch, tmp_path):
    """Only Prefect's become environment variables; the environment has precedence."""
    (tmp_path / ".env").write_text("PREFECT_API_KEY=of-the-file\nPREFECT_CLIENT_MAX_RETRIES=3\nAIRNUB_PORT=1\n")
    monkeypatch.setenv("PREFECT_API_KEY", "of-the-environment")
    monkeypatch.delenv("AIRNUB_PORT", raising=False)
    # So that the test removes it again.
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "")
    monkeypatch.delenv("PREFECT_CLIENT_MAX_RETRIES")
    values = use_dotenv(tmp_path)
    assert (values["PREFECT_API_KEY"], values["AIRNUB_PORT"]) == ("of-the-environment", "1")
    assert os.environ["PREFECT_CLIENT_MAX_RETRIES"] == "3"
    assert "AIRNUB_PORT" not in os.environ
