"""A session: flows run in this process, against the server that is configured, else against an embedded one."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airnub_prefect.api_url import configured_api_url
from airnub_prefect.embedded.server import EmbeddedServer, answers
from airnub_prefect.errors import ServerUnreachableError

ANSWER_WITHIN = 5.0
"""Seconds that a configured server may take to say that it is there."""

_QUIET = {
    # Flows still log to the server. What a person needs is said by the command; tracebacks of expected failures not.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
}


class Session:
    """Runs flows; made by `prefect_session`."""

    def __init__(self, server: EmbeddedServer | None) -> None:
        self.server = server
        """`None` where a configured server is used."""

    def run(self, load: Callable[[], Any], parameters: Mapping[str, Any]) -> Any:
        """Run an async flow to its end, and return what it returns.

        Args:
            load: imports the flow; called while the embedded server is still starting.
            parameters: of the flow.

        Raises:
            ServerUnreachableError: the embedded server did not start.
            Exception: whatever the flow raises.
        """
        flow = load()
        if self.server is not None:
            self.server.wait_until_ready()
        return asyncio.run(flow(**parameters))


@contextmanager
def prefect_session(*, verbose: bool = False) -> Iterator[Session]:
    """A server to run flows against, while the block runs.

    Args:
        verbose: let Prefect write its logs to the terminal.

    Raises:
        ServerUnreachableError: a server is configured, and does not answer.
    """
    if not verbose:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
    url = configured_api_url()
    if url is None:
        with EmbeddedServer() as server:
            yield Session(server)
        return
    try:
        answers(url, ANSWER_WITHIN)
    except (OSError, ValueError) as error:
        raise ServerUnreachableError(url, str(getattr(error, "reason", error))) from error
    yield Session(None)
