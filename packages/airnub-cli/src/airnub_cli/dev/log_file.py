"""The log file of a service, which keeps server tracebacks off the terminal."""

import logging
from collections import deque
from logging.handlers import RotatingFileHandler
from pathlib import Path

_BYTES = 10_000_000
"""Of the file, and of the one before it, which is kept."""
_LAST = 20


class LogFile:
    """The log file of one service."""

    def __init__(self, path: Path) -> None:
        """Append to the file at `path`; its folder is created."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handler = RotatingFileHandler(path, maxBytes=_BYTES, backupCount=1, encoding="utf-8", delay=True)
        self._handler.setFormatter(logging.Formatter("%(message)s"))
        self.last: deque[str] = deque(maxlen=_LAST)
        """The last lines, printed when the service dies."""

    def line(self, name: str, text: str) -> None:
        """Write a line of the service."""
        self.last.append(text)
        self._handler.emit(logging.LogRecord(name, logging.INFO, "", 0, text, None, None))

    def close(self) -> None:
        """Close the file."""
        self._handler.close()
