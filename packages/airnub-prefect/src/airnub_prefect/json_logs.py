"""JSON logs of server, workers and runs, one object per line, if `AIRNUB_LOG_FORMAT=json`.

Prefect's logging configuration takes the class of its console handler from
`PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS=airnub_prefect.json_logs.ConsoleHandler`, which the images set. It is
Prefect's own handler unless the variable above is `json`. Prefect's `JsonFormatter` does not format messages with their
arguments, and does not apply to uvicorn, which configures its loggers itself.

    {"time": "2026-01-02T03:04:05.678Z", "level": "INFO", "logger": "prefect.flow_runs", "message": "…",
     "flow_run_id": "…", "flow_run_name": "…"}

An exception adds `exception` (its type), `exception_message` and `traceback`; a task run `task_run_id` and
`task_run_name`; a worker `worker_name` and `work_pool_name`.
"""

import json
import logging
import os
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from prefect.logging.handlers import PrefectConsoleHandler

VARIABLE = "AIRNUB_LOG_FORMAT"
_ONLY_LOGS = {("server", "start"), ("flow-run", "execute")}
"""Prefect commands that print only logs."""
_RUN = (
    "flow_run_id", "flow_run_name", "flow_name", "task_run_id", "task_run_name",
    "worker_id", "worker_name", "work_pool_name",
)  # fmt: skip


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a line break."""
        said: dict[str, Any] = {
            "time": _time(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in _RUN:
            if (value := getattr(record, name, None)) is not None:
                said[name] = str(value)
        kind, error, _ = record.exc_info or (None, None, None)
        if kind is not None:
            said["exception"] = kind.__name__
            said["exception_message"] = str(error)
            said["traceback"] = "".join(traceback.format_exception(error))
        if record.stack_info:
            said["stack"] = record.stack_info
        return json.dumps(said, ensure_ascii=False, default=str)


class JsonHandler(PrefectConsoleHandler):
    """Prefect's console handler with JSON lines; the formatter cannot be changed."""

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: ARG002, N802  # logging's name
        """Keep `JsonFormatter`."""
        self.formatter = JsonFormatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line in one call."""
        try:
            self.stream.write(self.format(record) + "\n")
            self.flush()
        except Exception:  # noqa: BLE001  # as in every handler of logging, a failure is printed and not raised
            self.handleError(record)


class JsonLines:
    """A stream that wraps every line other than a JSON object in a record.

    Such lines are the banner of the server, output of `print` in a flow, and what libraries write to stderr.
    """

    def __init__(self, stream: TextIO, name: str, level: str) -> None:
        self._stream = stream
        self._name = name
        self._level = level
        self._begun = threading.local()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write whole lines; an incomplete line is kept, by thread, until its end is written."""
        *lines, self._begun.text = (getattr(self._begun, "text", "") + text).split("\n")
        for line in lines:
            if line.strip():
                self._stream.write((line if _is_object(line) else self._record(line)) + "\n")
        return len(text)

    def _record(self, line: str) -> str:
        said = {"time": _time(time.time()), "level": self._level, "logger": self._name, "message": line.rstrip()}
        return json.dumps(said, ensure_ascii=False)


def is_json() -> bool:
    """Whether `AIRNUB_LOG_FORMAT` is `json`."""
    return os.environ.get(VARIABLE, "").strip().lower() == "json"


def log_everything() -> None:
    """Log warnings, uncaught exceptions and uvicorn's lines as JSON; in a server or a run, every other line too."""
    import uvicorn.config

    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    formatter = {"()": "airnub_prefect.json_logs.JsonFormatter"}
    uvicorn.config.LOGGING_CONFIG["formatters"] = {"default": formatter, "access": formatter}
    # Other commands write data to stdout.
    if tuple(sys.argv[1:3]) in _ONLY_LOGS:
        sys.stdout = JsonLines(sys.stdout, "stdout", "INFO")
        sys.stderr = JsonLines(sys.stderr, "stderr", "WARNING")


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("uncaught").critical("Ended by %s", kind.__name__, exc_info=(kind, error, trace))


def _is_object(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


ConsoleHandler: type[PrefectConsoleHandler] = PrefectConsoleHandler
"""The class of Prefect's console handler."""
if is_json():
    ConsoleHandler = JsonHandler
    log_everything()
