"""Quiet: what Prefect is told."""

import os

from airnub_cli.prefect_env import quiet_prefect


def test_what_nobody_said_is_said(monkeypatch):
    """And what somebody said stays."""
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    quiet_prefect()
    assert (os.environ["DO_NOT_TRACK"], os.environ["PREFECT_LOGGING_LEVEL"]) == ("1", "DEBUG")
