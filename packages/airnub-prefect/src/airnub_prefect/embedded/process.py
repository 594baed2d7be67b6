"""The process of the embedded server: `python -m airnub_prefect.embedded.process OWNER SOCKET`.

It serves on an inherited socket, stops when its owner ends, and records everything that it received before.
"""

# Imports take 2 s, a sixth less without the garbage collector, and leave no garbage worth collecting.
import gc

gc.disable()

import asyncio  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from collections.abc import Awaitable, Callable, Iterator, MutableMapping  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from airnub_prefect.embedded.database import prepare  # noqa: E402

STALL_TIMEOUT = 10.0
"""Seconds without progress after which messages that could not be recorded are dropped."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def main() -> None:
    """Serve until SIGTERM, or until the owner's process ends."""
    owner, handle = int(sys.argv[1]), int(sys.argv[2])
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    if not any(name.endswith("DATABASE_CONNECTION_URL") for name in os.environ) and prepare(home):
        os.environ["PREFECT_SERVER_DATABASE_MIGRATE_ON_START"] = "false"

    import uvicorn
    from prefect.server.api.server import create_app

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Uvicorn's own would raise SIGTERM again, before SQLite has removed its journal."""
            signal.signal(signal.SIGTERM, self.handle_exit)
            yield

    server = Server(
        uvicorn.Config(
            drain_before_shutdown(create_app()),
            log_level="error",
            lifespan="on",
            access_log=False,
            timeout_graceful_shutdown=20,
        )
    )
    threading.Thread(target=_stop_with_owner, args=(owner, server), daemon=True).start()
    gc.freeze()
    gc.enable()
    server.run(sockets=[socket.socket(fileno=handle)])
    sys.stderr.flush()
    # Everything is committed; an orderly shutdown of the interpreter would only take time.
    os._exit(0 if server.started else 3)


def drain_before_shutdown(app: App) -> App:
    """The application with a shutdown that waits until all received messages are recorded."""

    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        async def receive_when_idle() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await _broker_idle()
            return message

        await app(scope, receive_when_idle if scope["type"] == "lifespan" else receive, send)

    return wrapped


async def _broker_idle() -> None:
    """Wait until Prefect's in-memory message broker has delivered all messages, and their handlers are done."""
    from prefect.server.utilities.messaging.memory import METRICS

    seen, since = None, time.monotonic()
    while True:
        now = {topic: (counts["published"], counts["consumed"]) for topic, counts in METRICS.items()}
        if all(published <= consumed for published, consumed in now.values()):
            return
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > STALL_TIMEOUT:
            sys.stderr.write(f"messages were not recorded: {now}\n")
            return
        await asyncio.sleep(0.02)


def _stop_with_owner(owner: int, server: Any) -> None:
    """Stop the server when its owner has ended, for whatever reason."""
    # A child's parent id changes when its parent ends; any other process has to be polled.
    is_child = os.getppid() == owner
    while (os.getppid() == owner) if is_child else _exists(owner):
        time.sleep(0.25)
    server.should_exit = True


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main()
