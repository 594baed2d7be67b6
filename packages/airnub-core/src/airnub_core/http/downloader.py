"""The downloader: files into a staging folder, over a client. Requests go in, results come out as they end."""

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from airnub_core.errors import IngestError, ItemError, StoreError
from airnub_core.http.client import Client
from airnub_core.http.file_sink import FileBody, FileSink
from airnub_core.http.large_file import Buffers
from airnub_core.http.limits import connections_for_open_files
from airnub_core.http.request import Request, Response, Transfer
from airnub_core.store.partials import Partials, key_of
from airnub_core.store.stager import Stager

PACKET = 100
"""Results that are handed over together while there are more."""
_PACKET_EVERY = 0.05
_SHORT = 0.001

Result = Response | IngestError
"""What became of a request; or why the store cannot be written, then nothing goes on."""


class DownloaderConfig(NamedTuple):
    """What a downloader is told; a plain value that a process is started with."""

    staging: Path
    """Where bodies are staged, an absolute folder."""
    hidden: Path
    """The store's hidden folder; partial files wait in it."""
    connections: int
    """In all."""
    user_agent: str
    """Who asks."""
    is_logged: bool = False
    """Whether the store takes write-ahead logs."""
    prefix: str = "a"
    """The name of the folder that is made in `staging`, for this downloader alone."""
    memory: int = 32 * 1024 * 1024
    """Bytes for the buffers of large files, in all."""

    def share(self, member: int, members: int) -> "DownloaderConfig":
        """What one of several is told: its share of the connections and of the memory, and a prefix of its own."""
        return self._replace(
            connections=max(1, self.connections // members),
            prefix="abcdefgh"[member],
            memory=self.memory // members,
        )


class Downloader:
    """`finish` waits in a thread of its caller's; `add`, `close` and `stop` may be called from any thread."""

    def __init__(
        self,
        config: DownloaderConfig,
        on_results: Callable[[list[Result]], None],
        client: Client | None = None,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare.

        Args:
            config: where to, and how much at once.
            on_results: given results, from the client's thread, and the last ones from the thread of `finish`.
            client: makes the requests; `None` for one of its own.
            on_end: called from the client's thread when `finish` would not wait for requests any more.
        """
        partials = Partials(config.hidden)
        most = connections_for_open_files() if client is None else client.connections
        connections = min(config.connections, most)
        self._results: deque[Result] = deque()
        # First, since it fails where the store is gone.
        stager = Stager(config.staging, config.prefix, is_logged=config.is_logged)
        self._file_sink = FileSink(stager, partials, Buffers(connections, config.memory), self._results.append)
        self.folder = stager.folder
        """Where it stages, absolute."""
        self._on_results, self._on_end = on_results, on_end
        self._client = client or Client(config.user_agent, connections)
        self._owns_client = client is None
        self._partial_keys = partials.keys()
        self._prepared: deque[tuple[Transfer, FileBody | None]] = deque()
        self._preparing = 0
        self._closed = self._stopping = False
        self._last_packet = 0.0
        self._error: BaseException | None = None
        self._ended = threading.Event()
        self._client.watch(self)

    def add(self, requests: list[Request]) -> None:
        """More to do."""
        self._client.call(lambda: self._take_in(requests))

    def close(self) -> None:
        """There are no more requests: `finish` returns when all have ended."""
        self._client.call(self._close)

    def stop(self) -> None:
        """Give up on what has not ended; `finish` returns soon. What is worth resuming is parked."""
        self._client.call(self._stop)

    def finish(self) -> None:
        """Wait until all that was added has ended, and no more is to come.

        Raises:
            BaseException: that ended the client.
        """
        self._ended.wait()
        if self._owns_client:
            self._client.close()
        self._file_sink.wait()
        if self._results:
            self._tell(list(self._results))
        self._file_sink.close()
        if self._error is not None:
            raise self._error

    # --- in the loop of the client ------------------------------------------------------------------------------------

    def look(self, now: float, *, is_idle: bool) -> float | None:
        """Hand results over, where they are many or have waited."""
        if self._prepared:
            self._take_prepared()
        waiting = len(self._results)
        if waiting >= PACKET or (waiting and (is_idle or now - self._last_packet >= _PACKET_EVERY)):
            self._last_packet = now
            self._tell([self._results.popleft() for _ in range(waiting)])
        if (self._stopping or (self._closed and not self._file_sink.open)) and not self._preparing:
            self._client.unwatch(self)
            self._end()
            return None
        if self._results or self._file_sink.busy:
            return _SHORT if is_idle else _PACKET_EVERY
        return None

    def crashed(self, error: BaseException) -> None:
        """The loop has ended: so does `finish`."""
        self._error = error
        self._end()

    def _end(self) -> None:
        self._ended.set()
        self._on_end()

    def _take_in(self, requests: list[Request]) -> None:
        if self._stopping:
            return
        for request in requests:
            try:
                transfer = Transfer(request, self._file_sink)
            except ItemError as error:
                self._results.append(Response(request, error.attempts, error))
                continue
            self._file_sink.open += 1
            if self._partial_keys and key_of(request.source, request.url_digest) in self._partial_keys:
                self._prepare(transfer)
            else:
                self._client.begin(transfer)

    def _close(self) -> None:
        self._closed = True

    def _stop(self) -> None:
        self._stopping = True
        self._client.give_up(lambda transfer: transfer.sink is self._file_sink, for_good=False)

    def _prepare(self, transfer: Transfer) -> None:
        def ready(body: FileBody | None) -> None:
            self._prepared.append((transfer, body))
            self._client.wake()

        self._preparing += 1
        self._file_sink.resume(transfer.request, ready)

    def _take_prepared(self) -> None:
        while self._prepared:
            transfer, body = self._prepared.popleft()
            self._preparing -= 1
            if not self._stopping:
                transfer.body = body
                self._client.begin(transfer)
            elif body is not None:  # what an earlier run left is in our hands
                self._file_sink.park(body)

    def _tell(self, results: list[Result]) -> None:
        try:
            self._file_sink.flush()
        except StoreError as error:
            results = [error]
        self._on_results(results)
