"""Requests one at a time, whose answers are needed to go on: a page of an API, a web page, a robots.txt. Awaited in an
event loop, made by the client of the engine.
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
from airnub_core.http.request import Request, Response, Transfer
from airnub_core.store.layout import Staged
from airnub_core.store.partials import Partials, key_of
from airnub_core.store.stager import Stager

_MEMORY = 8 * 1024 * 1024
"""Bytes for the buffers of large answers, in all."""
_FOLDER = "single"


class EventLoop:
    """An event loop, as the thread of the client reaches it: calls of one turn are one call."""

    def __init__(self) -> None:
        """The one that runs in this thread."""
        self.loop = asyncio.get_running_loop()
        self._actions: deque[Callable[[], None]] = deque()
        self._is_called = False

    def call(self, action: Callable[[], None]) -> None:
        """Do this in the event loop, in the order of the calls; from any thread. After its end nothing is done."""
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
    """Of one engine; belongs to one event loop, in which it is made."""

    def __init__(self, client: Client, staging: Path, hidden: Path) -> None:
        """Prepare.

        Args:
            client: makes the requests.
            staging: where bodies that are to be stored are staged, an absolute folder.
            hidden: the store's hidden folder; partial files wait in it.
        """
        self._client = client
        self._staging, self._partials = staging, Partials(hidden)
        self.event_loop = EventLoop()
        """In which they are awaited."""
        self._waiting: dict[int, tuple[asyncio.Future[Response], Transfer]] = {}
        """By number of the request, which no other that waits has."""
        self._opened: tuple[Stager, FileSink] | None = None
        self._partial_keys: set[str] = set()
        """Of what earlier runs left, and nothing has taken up."""
        client.watch(self)

    async def fetch(self, request: Request) -> Response:
        """The answer to a request, staged like a file, with its headers.

        Raises:
            ItemError: it cannot be had; `error.attempts` says after how many attempts.
            StoreError: the store cannot be written.
        """
        _, file_sink = self._open()
        body = await self._parked(request, file_sink) if self._partial_keys else None
        return await self._ask(request, file_sink, body)

    async def peek(self, request: Request, *, cuts: bool = False) -> Response:
        """The answer to a request, with its body in memory.

        Args:
            request: what to ask.
            cuts: whether a body that is larger than its limit is cut there.

        Raises:
            ItemError: it cannot be had; `error.attempts` says after how many attempts.
        """
        return await self._ask(request, _MemorySink(self.report, cuts=cuts))

    def stage(self, content: bytes, received: Response, name: str, derived_from: tuple[str, ...]) -> Staged:
        """Stage what was made from other answers; arguments as for `Stager.stage`.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        stager, _ = self._open()
        return stager.stage(content, received, name, derived_from)

    def close(self) -> None:
        """Give up on all that waits, and remove what came; the client is to be closed before."""
        for future, _ in self._waiting.values():
            future.cancel()
        if self._opened is not None:
            self._opened[1].close()

    def report(self, result: Response | IngestError) -> None:
        """A response is there, or what keeps the store from being written; from any thread."""
        self.event_loop.call(lambda: self._take(result))

    def look(self, now: float, *, is_idle: bool) -> float:  # noqa: ARG002
        """As a watcher of the client: nothing is to be done now and then."""
        return inf

    def crashed(self, error: BaseException) -> None:
        """The client has ended: so does all that waits."""
        self.event_loop.call(lambda: self._fail_all(error))

    def _open(self) -> tuple[Stager, FileSink]:
        if self._opened is None:
            stager, buffers = Stager(self._staging, _FOLDER), Buffers(self._client.connections, _MEMORY)
            self._opened = stager, FileSink(stager, self._partials, buffers, self.report, has_headers=True)
            self._partial_keys.update(self._partials.keys())
        return self._opened

    async def _parked(self, request: Request, file_sink: FileSink) -> FileBody | None:
        """What an earlier run has left of an answer."""
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

    async def _ask(self, request: Request, sink: Sink, body: Body | None = None) -> Response:
        transfer = Transfer(request, sink)
        transfer.body = body
        # Beside processes that download files the limits of a host are divided.
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
        elif result.staged is not None:  # it came when its task had been cancelled
            shutil.rmtree(result.staged.folder, ignore_errors=True)

    def _fail_all(self, error: BaseException) -> None:
        for future, transfer in self._waiting.values():
            self._client.cancel(transfer)
            if not future.done():
                future.set_exception(error)


class _MemorySink:
    """The answer to one request, in memory."""

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
        """No validators are sent."""

    def failed(self, transfer: Transfer, error: IngestError) -> None:
        self._report(Response(transfer.request, error.attempts, error) if isinstance(error, ItemError) else error)

    def park(self, body: Body) -> None:
        """It is in memory alone."""

    discard = park
