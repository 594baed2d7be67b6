"""The state folder of `airnub dev`, locked for one process at a time; free ports; and log files of services."""

import errno
import fcntl
import logging
import os
import shutil
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

from airnub_prefect.errors import ConfigurationError
from airnub_prefect.paths import shown

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class StateFolder:
    """A folder, by default `data/dev`."""

    folder: Path

    @property
    def home(self) -> Path:
        """Prefect's home: its database, results, and leases of concurrency limits."""
        return self.folder / "prefect"

    @property
    def temporary(self) -> Path:
        """Folder for temporary files of the services; removed when they end."""
        return self.folder / "tmp"

    @property
    def compiled(self) -> Path:
        """The compiled file of the deployments here."""
        return self.folder / "prefect.yaml"


@contextmanager
def held(state: StateFolder) -> Iterator[None]:
    """Lock the folder for this process while the block runs.

    Raises:
        ConfigurationError: a different process has the lock, or the folder cannot be written.
    """
    try:
        state.home.mkdir(parents=True, exist_ok=True)
        folder = os.open(state.folder, os.O_RDONLY)
    except OSError as error:
        raise ConfigurationError.of(shown(state.folder), f"expected a folder that can be written: {error}") from error
    try:
        try:
            # The folder itself is locked, so no lock file can be left behind. The system releases the lock at any exit.
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError.of(
                shown(state.folder),
                "expected an unlocked folder, found that another `airnub dev` uses it; stop that one with Ctrl-C, or "
                "give this one a folder of its own: --state FOLDER --port PORT",
            ) from error
        shutil.rmtree(state.temporary, ignore_errors=True)  # of one that was killed
        state.temporary.mkdir()
        try:
            yield
        finally:
            shutil.rmtree(state.temporary, ignore_errors=True)
    finally:
        os.close(folder)


def listening(given: int | None, preferred: int, option: str) -> socket.socket:
    """A socket that listens on loopback.

    Args:
        given: the requested port; 0 for any free one.
        preferred: the port to use if none is requested; if it is taken, any free one.
        option: that sets the port.

    Raises:
        ConfigurationError: the requested port is taken, or may not be used.
    """
    try:
        return socket.create_server((LOOPBACK, preferred if given is None else given), backlog=128)
    except OSError as error:
        if given is None:
            return socket.create_server((LOOPBACK, 0), backlog=128)
        reason = "it is taken" if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0).lower()
        raise ConfigurationError.of(
            f"{option} {given}",
            f"expected a free port of {LOOPBACK}, found that {reason}; omit the option, or pass 0, for any free port",
        ) from error


def free_port(given: int | None, preferred: int, option: str) -> int:
    """Choose a port for a service that opens its own socket, by the rules of `listening`."""
    with listening(given, preferred, option) as found:
        port: int = found.getsockname()[1]
        return port


_BYTES = 10_000_000
"""Maximum size of the file, in bytes, and of the previous one, which is kept."""
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
