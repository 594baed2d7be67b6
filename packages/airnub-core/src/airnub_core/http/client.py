"""HTTP client: send all requests of an engine from one event loop thread, and pass their responses to sinks.

The loop never blocks: large bodies are hashed and written in the threads of their sink.
"""

from collections.abc import Callable
from time import monotonic

import pycurl

from airnub_core.errors import (
    ConnectionFailedError,
    HttpStatusError,
    IngestError,
    ItemError,
    TooManyRedirectsError,
    TransferTimeoutError,
)
from airnub_core.http.curl_handle import CurlHandle
from airnub_core.http.limits import connections_for_open_files
from airnub_core.http.loop import LONGEST_SLEEP, Loop
from airnub_core.http.proxies import proxies_of_environment
from airnub_core.http.rate_limit import Scheduler
from airnub_core.http.request import Transfer
from airnub_core.http.response import UnfitPartError
from airnub_core.http.retry import is_retryable, wait_after
from airnub_core.http.url import Url
from airnub_core.store.clock import elapsed


class Client(Loop):
    """Sends requests in its own loop thread, which ends with `close`; methods above the line are thread-safe."""

    def __init__(self, user_agent: str, connections: int) -> None:
        """Start the loop."""
        self.connections = min(connections, connections_for_open_files())
        """Most concurrent connections in all."""
        super().__init__(self.connections)
        self._user_agent = user_agent
        self._proxy_for = proxies_of_environment()
        self._scheduler: Scheduler[Transfer] = Scheduler(self.connections)
        self.begin = self._scheduler.add
        """Schedule a request; in the loop."""
        self._active: dict[Transfer, CurlHandle] = {}
        self._handles: dict[pycurl.Curl, CurlHandle] = {}
        self._idle: list[CurlHandle] = []
        self.shared_by = 1
        """Number of clients that share the limits."""
        self.start()

    def submit(self, transfer: Transfer) -> None:
        """Queue a request; its response is passed to its sink.

        Raises:
            ConnectionFailedError: the client is closed.
            BaseException: the error that ended the loop.
        """
        if self._error is not None:
            raise self._error
        if self._closing:
            raise ConnectionFailedError(transfer.url, "the engine was closed")
        self.call(lambda: self.begin(transfer))

    def cancel(self, transfer: Transfer) -> None:
        """Cancel a request; its sink gets no response, only a partial body to discard."""
        self.call(lambda: self.give_up(lambda one: one is transfer, for_good=True))

    def go_on(self, transfer: Transfer) -> None:
        """Resume a paused request, since the response body was read or more of the request body is available."""
        self.call(lambda: self._go_on(transfer))

    def share(self, shared_by: int) -> None:
        """Limit this client to its share of the connections, out of `shared_by` clients."""
        self.shared_by = shared_by
        self._scheduler.connections = max(1, self.connections // shared_by)

    # --- in the loop --------------------------------------------------------------------------------------------------

    def give_up(self, is_given_up: Callable[[Transfer], bool], *, for_good: bool) -> None:
        """Cancel queued and running requests; resumable partial bodies are parked, unless it is `for_good`."""
        for transfer in self._scheduler.remove(is_given_up):
            self._drop(transfer, for_good=for_good)
        for transfer, handle in [entry for entry in self._active.items() if is_given_up(entry[0])]:
            self.multi.remove_handle(handle.curl)
            del self._active[transfer]
            handle.reader.give_up(for_good=for_good)
            handle.keep_cookies(transfer)
            self._release(handle, transfer)
            self._drop(transfer, for_good=for_good)

    def _drop(self, transfer: Transfer, *, for_good: bool) -> None:
        body, transfer.body = transfer.body, None
        if body is not None:
            if for_good:
                transfer.sink.discard(body)
            else:
                transfer.sink.park(body)

    def _go_on(self, transfer: Transfer) -> None:
        handle = self._active.get(transfer)
        if handle is not None and (handle.is_paused or handle.waits_for_content):
            handle.last_seen = monotonic()
            handle.go_on()

    @property
    def is_idle(self) -> bool:
        """Whether no request is running."""
        return not self._active

    def give_up_all(self) -> None:
        """Cancel all requests at the end of the loop; resumable partial bodies are parked."""
        self.give_up(lambda _transfer: True, for_good=False)
        for curl in self._handles:
            curl.close()

    def start_due(self, now: float) -> float:
        """Start all requests that the limits allow now, and return seconds until the next one may start."""
        # Again, since a request may fail at once, and another one takes its place.
        while starting := self._scheduler.due(now):
            for transfer in starting:
                if not transfer.redirects:
                    transfer.attempts += 1
                    transfer.started = now
                self._send(self._idle.pop() if self._idle else self._new_handle(), transfer)
        return self._scheduler.wait(now)

    def _new_handle(self) -> CurlHandle:
        handle = CurlHandle(self._user_agent, self._proxy_for)
        self._handles[handle.curl] = handle
        return handle

    def _send(self, handle: CurlHandle, transfer: Transfer) -> None:
        transfer.sent = elapsed()
        try:
            handle.start(transfer)
        except ItemError as error:
            self._release(handle, transfer)
            self._fail(transfer, error)
            return
        handle.last_seen = monotonic()
        handle.last_progress = 0
        self._active[transfer] = handle
        self.multi.add_handle(handle.curl)

    def ended(self, curl: pycurl.Curl, code: int, message: str) -> None:
        """Handle the end of a request: follow its redirect, deliver its result, or retry it."""
        handle = self._handles[curl]
        transfer, reader = handle.transfer, handle.reader
        self.multi.remove_handle(curl)
        del self._active[transfer]
        try:
            target = handle.end(code, message)
            if target is not None:
                limit = transfer.limits.max_redirects
                if transfer.redirects == limit:
                    raise TooManyRedirectsError(transfer.url, limit)
                self._follow(handle, transfer, target, reader.status)
        except UnfitPartError as error:
            self._restart(handle, transfer, error)
        except ItemError as error:
            if isinstance(error, HttpStatusError) and transfer.sink.takes_all:
                transfer.last = reader.response()._replace(content=reader.content_of_error())
                transfer.is_truncated = reader.is_unwanted or code == pycurl.E_FILESIZE_EXCEEDED
            self._release(handle, transfer)
            self._fail(transfer, error)
        except IngestError as error:
            self._release(handle, transfer)
            transfer.sink.failed(transfer, error)
        else:
            if target is None:
                if reader.body is not None:
                    transfer.sink.whole(reader.response(), reader.body)
                else:
                    self._drop(transfer, for_good=True)
                    transfer.sink.not_modified(reader.response())
                self._release(handle, transfer)

    def _follow(self, handle: CurlHandle, transfer: Transfer, target: Url, status: int) -> None:
        """Follow a redirect: at once on the same host without a rate limit, else first in the target host's queue."""
        is_same = (target.host, target.port) == (transfer.target.host, transfer.target.port)
        if is_same and transfer.per_second is None:
            transfer.follow(target, status)
            self._send(handle, transfer)
        else:
            self._release(handle, transfer)
            try:
                transfer.follow(target, status)
            except ItemError as error:
                self._fail(transfer, error)
                return
            self._scheduler.add_first(transfer)

    def _restart(self, handle: CurlHandle, transfer: Transfer, error: ItemError) -> None:
        if transfer.body is None or not transfer.sink.can_restart:
            self._release(handle, transfer)
            self._fail(transfer, error)
            return
        self._drop(transfer, for_good=True)
        self._send(handle, transfer)

    def _release(self, handle: CurlHandle, transfer: Transfer) -> None:
        del handle.reader, handle.transfer
        self._idle.append(handle)
        self._scheduler.ended(transfer)

    def _fail(self, transfer: Transfer, error: ItemError) -> None:
        error.attempts = transfer.attempts
        can_repeat = transfer.body is not None or transfer.sink.can_restart
        if is_retryable(error) and transfer.attempts < transfer.most_attempts and can_repeat:
            transfer.reset()
            self._scheduler.add_later(transfer, monotonic() + wait_after(error, transfer.attempts))
            return
        is_parked = transfer.sink.parks and is_retryable(error)
        if is_parked and transfer.body is not None:
            error.kept = transfer.body.size
        self._drop(transfer, for_good=not is_parked)
        transfer.sink.failed(transfer, error)

    def look(self, now: float) -> float:
        """Check all running requests: stop those that stall, and those whose headers already decide the outcome.

        Libcurl's own limit is an average rate in whole seconds; `stall_timeout` is the longest time without a byte.
        """
        shortest = LONGEST_SLEEP
        for transfer, handle in list(self._active.items()):
            progress = handle.progress
            limit = transfer.limits.stall_timeout
            shortest = min(shortest, limit / 4)
            try:
                handle.begin_if_silent()
            except ItemError as error:
                self._stop(handle, error)
                continue
            if handle.is_paused or handle.waits_for_content:
                handle.last_seen = now
            elif progress != handle.last_progress or not handle.connected:
                handle.last_progress, handle.last_seen = progress, now
            elif now - handle.last_seen >= limit:
                self._stop(handle, TransferTimeoutError(transfer.url, "stall_timeout", limit))
        return shortest

    def _stop(self, handle: CurlHandle, error: ItemError) -> None:
        handle.stop(error)
        self.ended(handle.curl, pycurl.E_OPERATION_TIMEDOUT, "")
