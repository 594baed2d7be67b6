"""Downloader: download files into a staging folder with an HTTP client, and deliver results as requests end."""

from collections import deque
from collections.abc import Callable
from functools import partial
from math import inf
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from airnub_core.errors import IngestError, ItemError, StoreError
from airnub_core.http.client import Client
from airnub_core.http.file_sink import FileBody, FileSink
from airnub_core.http.large_file import Buffers
from airnub_core.http.limits import FILE_BUFFERS
from airnub_core.http.request import Request, Response, Transfer
from airnub_core.store.partials import Partials, key_of
from airnub_core.store.stager import Stager

PACKET = 100
"""Number of results in a full packet."""
_PACKET_EVERY = 0.05
_SHORT = 0.001

Result = Response | IngestError
"""The response of a request, or the error that keeps the store from being written, which ends the run."""


class DownloaderConfig(NamedTuple):
    """The configuration of a downloader; a plain value, passed to a process when it starts."""

    staging: Path
    """The folder in which bodies are staged, absolute."""
    partials: Partials
    """The partial files of the store."""
    connections: int
    """Most connections in all."""
    user_agent: str
    """Value of the User-Agent header."""
    is_logged: bool = False
    """Whether the store takes write-ahead logs."""
    prefix: str = "a"
    """The name of this downloader's own folder in `staging`."""
    memory: int = FILE_BUFFERS
    """Total size in bytes of the buffers for large files."""

    def share(self, member: int, members: int) -> "DownloaderConfig":
        """The configuration of one of several downloaders: a share of connections and memory, and its own prefix."""
        return self._replace(
            connections=max(1, self.connections // members),
            prefix="abcdefgh"[member],
            memory=self.memory // members,
        )


class Downloader:
    """Downloads files. `finish` blocks the calling thread; `add`, `close` and `stop` may be called from any thread."""

    def __init__(
        self,
        config: DownloaderConfig,
        on_results: Callable[[list[Result]], None],
        client: Client | None = None,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """Create the staging folder, and a client if none is given.

        Args:
            config: the configuration.
            on_results: called with results from the client's thread, with the last ones from the thread of `finish`.
            client: the HTTP client; `None` creates one.
            on_end: called from the client's thread when `finish` no longer waits for requests.
        """
        # First, since it fails where the store is gone.
        stager = Stager(config.staging, config.prefix, is_logged=config.is_logged)
        self.folder = stager.folder
        """Its staging folder, absolute."""
        self._client = client or Client(config.user_agent, config.connections)
        self._owns_client = client is None
        self._results: deque[Result] = deque()
        buffers = Buffers(min(config.connections, self._client.connections), config.memory)
        self._file_sink = FileSink(stager, config.partials, buffers, self._results.append)
        self._on_results, self._on_end = on_results, on_end
        self._partial_keys = config.partials.keys()
        self._prepared: deque[tuple[Transfer, FileBody | None]] = deque()
        self._preparing = 0
        self._closed = self._stopping = False
        self._last_packet = 0.0
        self._ended: SimpleQueue[BaseException | None] = SimpleQueue()
        """Has an entry when `finish` may return: the error that ended the client, if any; only the first one counts."""
        self._client.watch(self)

    def add(self, requests: list[Request]) -> None:
        """Queue requests."""
        self._client.call(partial(self._take_in, requests))

    def close(self) -> None:
        """Close the queue: `finish` returns when all queued requests have ended."""
        self._client.call(self._close)

    def stop(self) -> None:
        """Cancel running requests; `finish` returns soon. Resumable partial bodies are parked."""
        self._client.call(self._stop)

    def finish(self) -> None:
        """Wait until the queue is closed and all requests have ended.

        Raises:
            BaseException: the error that ended the client.
        """
        error = self._ended.get()
        if self._owns_client:
            self._client.close()
        self._file_sink.wait()
        if self._results:
            self._deliver(list(self._results))
        self._file_sink.close()
        if error is not None:
            raise error

    # --- in the loop of the client ------------------------------------------------------------------------------------

    def look(self, now: float) -> float:
        """Deliver the collected results if they fill a packet or have waited long enough."""
        if self._prepared:
            self._take_prepared()
            return 0.0  # so that they are started
        waiting = len(self._results)
        if waiting >= PACKET or (waiting and (self._client.is_idle or now - self._last_packet >= _PACKET_EVERY)):
            self._last_packet = now
            self._deliver([self._results.popleft() for _ in range(waiting)])
        if (self._stopping or (self._closed and not self._file_sink.open)) and not self._preparing:
            self._client.unwatch(self)
            self._end()
            return inf
        if self._results or self._file_sink.busy:
            return _SHORT if self._client.is_idle else _PACKET_EVERY
        return inf

    def crashed(self, error: BaseException) -> None:
        """End `finish` with the error that ended the loop."""
        self._end(error)

    def _end(self, error: BaseException | None = None) -> None:
        self._ended.put(error)
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
            elif body is not None:  # a partial file of an earlier run, which was taken to be resumed
                self._file_sink.park(body)

    def _deliver(self, results: list[Result]) -> None:
        try:
            self._file_sink.flush()
        except StoreError as error:
            results = [error]
        self._on_results(results)
