"""Logs of runs: what airnub_core warns of."""

import logging
import warnings

import pytest
from prefect import flow
from prefect.logging import handlers

from airnub_prefect.run_logs import LOGGER, LibraryLogHandler, send_library_logs


@pytest.fixture
def sent(monkeypatch):
    """The messages that are sent to the API."""
    logs = []
    monkeypatch.setattr(handlers, "emit_api_log", logs.append)
    send_library_logs()
    return logs


@pytest.mark.usefixtures("prefect_here")
def test_warnings_are_sent_with_the_run(sent):
    """From any module of airnub_core, once; less than a warning is not."""

    @flow
    def warned():
        send_library_logs()
        logging.getLogger(f"{LOGGER}.store.factory").warning("the index is %s", "damaged")
        logging.getLogger(LOGGER).info("nothing")

    warned()
    of_library = [one for one in sent if one["name"].startswith(LOGGER)]
    assert [one["message"] for one in of_library] == ["the index is damaged"]
    assert of_library[0]["flow_run_id"]


def test_without_a_run_nothing_is_sent(sent):
    """And Prefect does not warn of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logging.getLogger(LOGGER).warning("alone")
    assert sent == []
    assert sum(isinstance(one, LibraryLogHandler) for one in logging.getLogger(LOGGER).handlers) == 1


def test_records_that_are_sent_already_are_not_sent_again(monkeypatch):
    """Prefect sends them itself for PREFECT_LOGGING_EXTRA_LOGGERS=airnub_core."""
    logger = logging.getLogger(LOGGER)
    monkeypatch.setattr(logger, "handlers", [handlers.APILogHandler()])
    send_library_logs()
    assert [type(one) for one in logger.handlers] == [handlers.APILogHandler]
