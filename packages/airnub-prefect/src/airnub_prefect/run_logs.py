"""Logs of runs: warnings of airnub_core, such as that of a damaged index, are sent to the logs of the run.

Prefect sends only records of its own loggers.
"""

import logging

from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler

LOGGER = "airnub_core"
"""Name of the logger of all modules of airnub_core."""


class LibraryLogHandler(APILogHandler):
    """Sends records to the Prefect API if they are made in a run."""

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record."""
        if FlowRunContext.get() is not None or TaskRunContext.get() is not None:
            super().emit(record)


def send_library_logs() -> None:
    """Send warnings of airnub_core to the logs of runs; the terminal shows them as before."""
    logger = logging.getLogger(LOGGER)
    # PREFECT_LOGGING_EXTRA_LOGGERS may already send its records.
    if not any(isinstance(one, APILogHandler) for one in logger.handlers):
        logger.addHandler(LibraryLogHandler(logging.WARNING))
