"""A session for flows in this process, against the configured server or an embedded one."""

import asyncio
import inspect
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
"""Seconds that a configured server may take to say that it is there."""

_QUIET = {
    # Flows still log to the server. What a person needs is said by the command; tracebacks of expected failures not.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
}


class Session:
    """Runs flows; made by `prefect_session`."""

    def __init__(self, server: EmbeddedServer | None, url: str) -> None:
        self.server = server
        """`None` where a configured server is used."""
        self.url = url
        """Of the server's API."""

    def run(self, load: Callable[[], Any], parameters: Mapping[str, Any]) -> Any:
        """Run a flow to its end, and return what it returns.

        Args:
            load: imports the flow; called while the embedded server is still starting.
            parameters: of the flow; those that it does not take are left out.

        Raises:
            ServerUnreachableError: the embedded server did not start, or the server was lost on the way.
            KeyboardInterrupt: by Ctrl-C, or by SIGTERM while the flow ran.
            Exception: whatever the flow raises.
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
            # Prefect raises the signal wherever the event loop just is, which may make another error of it.
            if any(isinstance(cause, TerminationSignal) for cause in _causes(error)):
                raise KeyboardInterrupt from error  # the same for whoever sent it: it ends in good order
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
        """Without its server a flow fails in many ways; all of them mean this."""
        try:
            wait_for_api(self.url, ANSWER_WITHIN)
        except OSError as error:
            raise ServerLostError(self.url, str(getattr(error, "reason", error))) from cause


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it comes from."""
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
    """A server to run flows against, while the block runs.

    Args:
        verbose: let Prefect write its logs to the terminal.

    Raises:
        ServerUnreachableError: a server is configured, and does not answer; or the embedded one cannot be started.
    """
    if not verbose:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
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
