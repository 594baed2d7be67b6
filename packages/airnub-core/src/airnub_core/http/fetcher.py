"""Requests one at a time, whose answers are needed to go on: a page of an API, a web page, a robots.txt. Awaited in an
event loop, made by the client of the engine.
"""

import asyncio
import shutil
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from airnub_core.errors import IngestError, ItemError
from airnub_core.http.body_sink import Body, MemoryBody, Response, Sink
from airnub_core.http.buffers import Buffers
from airnub_core.http.client import Client
from airnub_core.http.file_body import FileBody
from airnub_core.http.file_sink import FileSink
from airnub_core.http.request import Failed, Fetched, NotModified, Request, Result, StoreFailure
from airnub_core.http.transfer import Transfer
from airnub_core.store.partials import Partials, key_of

_MEMORY = 8 * 1024 * 1024
"""Bytes for the buffers of large answers, in all."""
_FOLDER = "single"


class Peeked(NamedTuple):
    """What is at a URL, in memory."""

    number: int
    content: bytes
    headers: Mapping[str, str]
    """Names in lower case."""
    final_url: str
    """Where it came from after redirects."""


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

    def __init__(self, client: Client, event_loop: EventLoop, staging: Path, hidden: Path) -> None:
        """Prepare.

        Args:
            client: makes the requests.
            event_loop: in which they are awaited.
            staging: where bodies that are to be stored are staged, an absolute folder.
            hidden: the store's hidden folder; partial files wait in it.
        """
        self._client = client
        self._staging, self._hidden = staging, hidden
        self._event_loop = event_loop
        self._numbers = count()
        self._waiting: dict[int, tuple[asyncio.Future[Result | Peeked], Transfer]] = {}
        self._file_sink: FileSink | None = None
        self._partial_keys: set[str] = set()
        """Of what earlier runs left, and nothing has taken up."""
        client.call(lambda: client.watch(self))

    async def fetch(self, job: Request) -> Fetched | NotModified:
        """The answer to a job, staged like a file, with its headers.

        Raises:
            ItemError: it cannot be had; `error.attempts` says after how many attempts.
            StoreError: the store cannot be written.
        """
        if self._file_sink is None:
            partials, buffers = Partials(self._hidden), Buffers(self._client.connections, _MEMORY)
            self._file_sink = FileSink(self._staging, _FOLDER, partials, buffers, self.report, has_headers=True)
            self._partial_keys.update(partials.keys())
        body = await self._parked(job, self._file_sink) if self._partial_keys else None
        result = await self._ask(job, self._file_sink, body)
        assert isinstance(result, Fetched | NotModified), "what a file sink reports"
        return result

    async def peek(self, job: Request, *, cuts: bool = False) -> Peeked:
        """What is at the URL of a job, in memory.

        Args:
            job: what to ask.
            cuts: whether a body that is larger than its limit is cut there.

        Raises:
            ItemError: it cannot be had; `error.attempts` says after how many attempts.
        """
        result = await self._ask(job, _IntoMemory(self, cuts=cuts))
        assert isinstance(result, Peeked), "what this sink reports"
        return result

    def close(self) -> None:
        """Give up on all that waits, and remove what came; the client is to be closed before."""
        for future, _ in self._waiting.values():
            future.cancel()
        if self._file_sink is not None:
            self._file_sink.close()

    def report(self, result: Result | Peeked) -> None:
        """A result is there; from any thread."""
        self._event_loop.call(lambda: self._take(result))

    def look(self, _now: float, *, is_idle: bool) -> None:
        """As a watcher of the client: nothing is to be done now and then."""

    def crashed(self, error: BaseException) -> None:
        """The client has ended by a fault: so does all that waits."""
        self._event_loop.call(lambda: self._fail_all(error))

    async def _parked(self, job: Request, file_sink: FileSink) -> FileBody | None:
        """What an earlier run has left of an answer."""
        key = key_of(job.asked.source, job.asked.url_digest)
        if key not in self._partial_keys:
            return None
        self._partial_keys.discard(key)
        future: asyncio.Future[FileBody | None] = self._event_loop.loop.create_future()

        def found(body: FileBody | None) -> None:
            if not future.cancelled():
                future.set_result(body)
            elif body is not None:
                file_sink.park(body)

        file_sink.resume(job.asked, lambda body: self._event_loop.call(lambda: found(body)))
        return await future

    async def _ask(self, job: Request, sink: Sink, body: Body | None = None) -> Result | Peeked:
        number = next(self._numbers)
        transfer = Transfer(job._replace(number=number), sink)
        transfer.body = body
        # Beside processes that download files the limits of a host are divided.
        transfer.per_host = max(1, transfer.per_host // self._client.shared_by)
        future: asyncio.Future[Result | Peeked] = self._event_loop.loop.create_future()
        self._waiting[number] = future, transfer
        try:
            self._client.submit(transfer)
            result = await future
        except asyncio.CancelledError:
            self._client.cancel(transfer)
            raise
        finally:
            self._waiting.pop(number, None)
        if isinstance(result, Failed):
            raise result.error
        return result

    def _take(self, result: Result | Peeked) -> None:
        if isinstance(result, StoreFailure):
            self._fail_all(result.error)
            return
        future, _ = self._waiting.get(result.number, (None, None))
        if future is not None and not future.done():
            future.set_result(result)
        elif isinstance(result, Fetched):  # it came when its task had been cancelled
            shutil.rmtree(result.staged.folder, ignore_errors=True)

    def _fail_all(self, error: BaseException) -> None:
        for future, transfer in self._waiting.values():
            self._client.cancel(transfer)
            if not future.done():
                future.set_exception(error)


class _IntoMemory:
    """The answer to one request, in memory."""

    takes_all = parks = False
    can_restart = True

    def __init__(self, fetcher: Fetcher, *, cuts: bool) -> None:
        self._report = fetcher.report
        self.cuts = cuts

    def body(self, _response: Callable[[], Response]) -> Body:
        return MemoryBody()

    def whole(self, received: Response, body: Body) -> None:
        assert isinstance(body, MemoryBody), "as `body` made it"
        self._report(Peeked(received.job.number, body.content(), received.headers, received.final_url))

    def not_modified(self, _received: Response) -> None:
        """No validators are sent."""

    def failed(self, transfer: Transfer, error: ItemError) -> None:
        self._report(Failed(transfer.job.number, error))

    def broken(self, error: IngestError) -> None:
        self._report(StoreFailure(error))

    def park(self, body: Body) -> None:
        """It is in memory alone."""

    discard = park
