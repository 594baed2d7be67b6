"""A session for flows in this process, against the configured server or an embedded one.

An embedded server is started only if no server is configured (`api_url`). A configured server that does not respond
within `ANSWER_WITHIN` is an error; no embedded one replaces it.
"""

import asyncio
import inspect
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airnub_prefect.api_url import configured_api_url
from airnub_prefect.embedded.server import EmbeddedServer, wait_for_api
from airnub_prefect.errors import (
    ConfigurationError,
    EmbeddedServerError,
    ServerLostError,
    ServerUnreachableError,
    StageFailedError,
)

ANSWER_WITHIN = 5.0
"""Seconds that a configured server may take to answer."""

_QUIET = {
    # Flows still log to the server. The command prints errors itself, without tracebacks of expected failures.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
}


class Session:
    """Runs flows against one server; made by `prefect_session`."""

    def __init__(self, server: EmbeddedServer | None, url: str) -> None:
        self.server = server
        """`None` if a configured server is used."""
        self.url = url
        """URL of the server's API."""

    def run(self, load: Callable[[], Any], parameters: Mapping[str, Any]) -> Any:
        """Run a flow, and return its result.

        Args:
            load: imports the flow; called while the embedded server is starting.
            parameters: parameters of the flow; parameters that it does not have are left out.

        Raises:
            ServerUnreachableError: the embedded server did not start, or the server became unreachable.
            KeyboardInterrupt: Ctrl-C, or SIGTERM while the flow ran.
            Exception: any error of the flow.
        """
        flow = load()
        taken = {name: value for name, value in parameters.items() if name in inspect.signature(flow.fn).parameters}
        self.wait_until_ready()
        from prefect.exceptions import TerminationSignal

        try:
            result = flow(**taken)
            return asyncio.run(result) if inspect.iscoroutine(result) else result
        except (ConfigurationError, StageFailedError):
            raise
        except (TerminationSignal, Exception) as error:
            # Prefect raises the signal at any point of the event loop, where it may be wrapped in a different error.
            if any(isinstance(cause, TerminationSignal) for cause in _causes(error)):
                raise KeyboardInterrupt from error  # handled like Ctrl-C, with an orderly end
            self._check_server(error)
            raise

    def wait_until_ready(self) -> None:
        """Return when the server answers.

        Raises:
            ServerUnreachableError: the embedded server did not start.
        """
        if self.server is not None:
            self.server.wait_until_ready()

    def _check_server(self, cause: BaseException) -> None:
        """Raise `ServerLostError` if the server does not answer: a flow without its server fails in many ways."""
        try:
            wait_for_api(self.url, ANSWER_WITHIN)
        except OSError as error:
            raise ServerLostError(self.url, str(getattr(error, "reason", error))) from cause


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error with all its causes, contexts and members of groups."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__]
        waiting += cause.exceptions if isinstance(cause, BaseExceptionGroup) else ()


@contextmanager
def prefect_session(*, verbose: bool = False) -> Iterator[Session]:
    """A session with the configured server, or with an embedded one while the block runs.

    Args:
        verbose: print Prefect's logs to the terminal.

    Raises:
        ServerUnreachableError: the configured server does not answer, or the embedded one cannot be started.
    """
    if not verbose:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
    before, shown = logging.raiseExceptions, logging.StreamHandler()
    shown.setFormatter(logging.Formatter("warning: %(message)s"))
    shown.setLevel(logging.WARNING)
    libraries = logging.getLogger("airnub_core")
    console = "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"
    if not verbose and os.environ[console] == _QUIET[console]:  # otherwise Prefect prints them
        libraries.addHandler(shown)
    # Otherwise Prefect prints each log message that a lost server does not take; `ServerLostError` is printed once.
    logging.raiseExceptions = before and verbose
    try:
        with _connected() as session:
            yield session
    finally:
        logging.raiseExceptions = before
        libraries.removeHandler(shown)


@contextmanager
def _connected() -> Iterator[Session]:
    url = configured_api_url()
    if url is None:
        server = EmbeddedServer()
        try:
            server.start()
        except OSError as error:
            raise EmbeddedServerError(server.url, str(error)) from error
        with server:
            yield Session(server, server.url)
        return
    try:
        wait_for_api(url, ANSWER_WITHIN)
    except (OSError, ValueError) as error:
        raise ServerUnreachableError(url, str(getattr(error, "reason", error))) from error
    yield Session(None, url)
