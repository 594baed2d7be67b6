"""Simulate distance: a proxy on loopback that delays everything by half a round trip in each direction.

    uv run --all-packages python -m benchmarks.ingest.latency PORT MILLISECONDS

It forwards to the server on PORT, prints its own port, and ends with its standard input. The kernel's netem would do
the same, but is not in every kernel, and needs root. Each piece of data is delayed separately, in order, so bandwidth
is unchanged and pipelining works as on a real line; a new connection costs one round trip more, like TCP's handshake.
There is no back pressure, so use it for small files only.
"""

import asyncio
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROUND_TRIP = 0.050
"""Seconds."""

ROOT = Path(__file__).parents[2]


@contextmanager
def distant(port: int, round_trip: float = ROUND_TRIP) -> Iterator[str]:
    """Base URL of a proxy process that makes the server on a port of loopback `round_trip` seconds distant."""
    command = [sys.executable, "-m", "benchmarks.ingest.latency", str(port), str(round_trip * 1000)]
    proxy = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert proxy.stdout is not None
        yield f"http://127.0.0.1:{int(proxy.stdout.readline())}"
    finally:
        proxy.communicate()


class Late:
    """One direction of a connection: data is written after a delay."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._waiting: deque[tuple[float, bytes | None]] = deque()
        self._out: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def leads_to(self, out: asyncio.Transport) -> None:
        """Set the transport; data that was received before is written to it too."""
        self._out = out
        self._pass_on()

    def take(self, data: bytes | None, extra: float = 0) -> None:
        """Queue data, or None for its end."""
        due = self._loop.time() + self._delay + extra
        if self._waiting:
            due = max(due, self._waiting[-1][0])
        self._waiting.append((due, data))
        if len(self._waiting) == 1:
            self._loop.call_at(due, self._pass_on)

    def _pass_on(self) -> None:
        if self._out is None:
            return
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            _, data = self._waiting.popleft()
            if data is None:
                self._out.close()
            else:
                self._out.write(data)
        if self._waiting:
            self._loop.call_at(self._waiting[0][0], self._pass_on)


class Server(asyncio.Protocol):
    """The connection to the server."""

    def __init__(self, back: Late) -> None:
        self._back = back

    def data_received(self, data: bytes) -> None:
        self._back.take(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._back.take(None)


class Client(asyncio.Protocol):
    """The connection of the client."""

    def __init__(self, port: int, round_trip: float) -> None:
        self._port = port
        self._round_trip = round_trip
        self._there, self._back = Late(round_trip / 2), Late(round_trip / 2)
        self._is_new = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._back.leads_to(transport)
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        self._there.take(data, self._round_trip if self._is_new else 0)
        self._is_new = False

    def connection_lost(self, _error: Exception | None) -> None:
        self._there.take(None)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: Server(self._back), "127.0.0.1", self._port)
        self._there.leads_to(transport)


async def main(port: int, round_trip: float) -> None:
    """Forward until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Client(port, round_trip), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1000))
