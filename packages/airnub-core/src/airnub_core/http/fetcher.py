"""Fetcher: await single requests in an event loop: pages of an API, web pages, robots.txt.

The engine's client sends them.
"""

import asyncio
import shutil
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf
from pathlib import Path

from airnub_core.errors import IngestError, ItemError
from airnub_core.http.body_sink import Body, MemoryBody, Sink
from airnub_core.http.client import Client
from airnub_core.http.file_sink import FileBody, FileSink
from airnub_core.http.large_file import Buffers
from airnub_core.http.limits import SINGLE_BUFFERS
from airnub_core.http.request import Request, Response, Transfer
from airnub_core.store.partials import Partials, key_of
from airnub_core.store.stager import Stager

_FOLDER = "single"


class EventLoop:
    """Runs callbacks from other threads in an event loop; calls made before it wakes up share one wake-up."""

    def __init__(self) -> None:
        """Wrap the event loop that runs in this thread."""
        self.loop = asyncio.get_running_loop()
        self._actions: deque[Callable[[], None]] = deque()
        self._is_called = False

    def call(self, action: Callable[[], None]) -> None:
        """Run a callback in the event loop, in the order of the calls; thread-safe.

        Callbacks are dropped once the event loop is closed.
        """
        self._actions.append(action)
        if not self._is_called:
            self._is_called = True
            with suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self._run)

    def _run(self) -> None:
        self._is_called = False
        while self._actions:
            self._actions.popleft()()


class Fetcher:
    """Fetches single URLs for one engine; belongs to the event loop in which it is created."""

    def __init__(self, client: Client, staging: Path, partials: Partials) -> None:
        """Create a fetcher; `staging` is the absolute path of the folder in which bodies to be stored are staged."""
        self._client = client
        self._staging, self._partials = staging, partials
        self.event_loop = EventLoop()
        """The event loop in which results are awaited."""
        self._waiting: dict[int, tuple[asyncio.Future[Response], Transfer]] = {}
        """Running requests by `Request.number`, which is unique among them."""
        self._opened: tuple[Stager, FileSink] | None = None
        self._partial_keys: set[str] = set()
        """Keys of the partial files of earlier runs that were not resumed yet."""
        client.watch(self)

    async def fetch(self, request: Request) -> Response:
        """Send a request, and stage its response body like a file; return the response with all its headers.

        Raises:
            ItemError: the request failed; `error.attempts` is the number of attempts.
            StoreError: the store cannot be written.
        """
        _, file_sink = self._open()
        body = await self._parked(request, file_sink) if self._partial_keys else None
        return await self._send(request, file_sink, body)

    async def peek(self, request: Request, *, cuts: bool = False) -> Response:
        """Send a request, and return its response with the body in memory; with `cuts` it is truncated to `max_bytes`.

        Raises:
            ItemError: the request failed; `error.attempts` is the number of attempts.
        """
        return await self._send(request, _MemorySink(self.report, cuts=cuts))

    @property
    def stager(self) -> Stager:
        """The stager of bodies of single requests, and of objects derived from them."""
        return self._open()[0]

    def close(self) -> None:
        """Cancel running requests, and remove staged bodies; close the client first."""
        for future, _ in self._waiting.values():
            future.cancel()
        if self._opened is not None:
            self._opened[1].close()

    def report(self, result: Response | IngestError) -> None:
        """Deliver a response, or the error of a store that cannot be written; thread-safe."""
        self.event_loop.call(lambda: self._take(result))

    def look(self, _now: float) -> float:
        """Do nothing; `Watcher` requires it."""
        return inf

    def crashed(self, error: BaseException) -> None:
        """Fail all running requests with the error that ended the client."""
        self.event_loop.call(lambda: self._fail_all(error))

    def _open(self) -> tuple[Stager, FileSink]:
        if self._opened is None:
            stager, buffers = Stager(self._staging, _FOLDER), Buffers(self._client.connections, SINGLE_BUFFERS)
            self._opened = stager, FileSink(stager, self._partials, buffers, self.report, has_headers=True)
            self._partial_keys.update(self._partials.keys())
        return self._opened

    async def _parked(self, request: Request, file_sink: FileSink) -> FileBody | None:
        """Take the partial file of an earlier run, if there is one."""
        key = key_of(request.source, request.url_digest)
        if key not in self._partial_keys:
            return None
        self._partial_keys.discard(key)
        future: asyncio.Future[FileBody | None] = self.event_loop.loop.create_future()

        def found(body: FileBody | None) -> None:
            if not future.cancelled():
                future.set_result(body)
            elif body is not None:
                file_sink.park(body)

        file_sink.resume(request, lambda body: self.event_loop.call(lambda: found(body)))
        return await future

    async def _send(self, request: Request, sink: Sink, body: Body | None = None) -> Response:
        transfer = Transfer(request, sink)
        transfer.body = body
        # The worker processes that download files share the limits of a host with this client.
        transfer.per_host = max(1, transfer.per_host // self._client.shared_by)
        future: asyncio.Future[Response] = self.event_loop.loop.create_future()
        self._waiting[request.number] = future, transfer
        try:
            self._client.submit(transfer)
            response = await future
        except asyncio.CancelledError:
            self._client.cancel(transfer)
            raise
        finally:
            self._waiting.pop(request.number, None)
        if response.error is not None:
            raise response.error
        return response

    def _take(self, result: Response | IngestError) -> None:
        if not isinstance(result, Response):
            self._fail_all(result)
            return
        future, _ = self._waiting.get(result.request.number, (None, None))
        if future is not None and not future.done():
            future.set_result(result)
        elif result.staged is not None:  # its task was cancelled in the meantime
            shutil.rmtree(result.staged.folder, ignore_errors=True)

    def _fail_all(self, error: BaseException) -> None:
        for future, transfer in self._waiting.values():
            self._client.cancel(transfer)
            if not future.done():
                future.set_exception(error)


class _MemorySink:
    """Sink of one request whose response body is kept in memory."""

    takes_all = parks = False
    can_restart = True

    def __init__(self, report: Callable[[Response | IngestError], None], *, cuts: bool) -> None:
        self._report = report
        self.cuts = cuts

    def body(self, _response: Callable[[], Response]) -> Body:
        return MemoryBody()

    def whole(self, received: Response, body: Body) -> None:
        assert isinstance(body, MemoryBody), "as `body` made it"
        self._report(received._replace(content=body.content()))

    def not_modified(self, _received: Response) -> None:
        """Never called, since the request has no validators."""

    def failed(self, transfer: Transfer, error: IngestError) -> None:
        self._report(Response(transfer.request, error.attempts, error) if isinstance(error, ItemError) else error)

    def park(self, body: Body) -> None:
        """Do nothing: the body is only in memory."""

    discard = park
