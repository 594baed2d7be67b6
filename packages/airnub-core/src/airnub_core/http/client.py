"""The client: libcurl's multi interface, driven by one loop in a thread of its own. All requests of an engine are made
here: requests go in, and their answers go to sinks.

The loop does nothing that takes long: large bodies are hashed and written in the threads of their sink.
"""

import os
import resource
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Protocol

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
from airnub_core.http.multi import Multi
from airnub_core.http.poller import READ, new_poller
from airnub_core.http.proxies import proxies_of_environment
from airnub_core.http.rate_limit import Scheduler
from airnub_core.http.response import UnfitPartError
from airnub_core.http.retry import is_retryable, wait_after
from airnub_core.http.ssrf import Allowed
from airnub_core.http.transfer import Transfer
from airnub_core.http.url import Url
from airnub_core.store.clock import elapsed

_LONGEST_SLEEP = 1.0
_FILES_LEFT = 32
"""Open files that others in this process may need."""
_MULTIS = 4
"""Pools of connections that are kept, one for each value of `allow_private_hosts`."""


class Watcher(Protocol):
    """Has something to do in the loop now and then, besides what is done for requests."""

    def look(self, now: float, *, is_idle: bool) -> float | None:
        """Do it; seconds until the next look, `None` where only a request changes anything."""
        ...

    def crashed(self, error: BaseException) -> None:
        """The loop has ended by a fault."""
        ...


class Client:
    """All methods but those of the loop may be called from any thread; the loop ends with `close`."""

    def __init__(self, user_agent: str, connections: int) -> None:
        """Start the loop.

        Args:
            user_agent: who asks.
            connections: in all.
        """
        self._user_agent = user_agent
        self._proxy_for = proxies_of_environment()
        self._connections = min(connections, connections_for_open_files())
        self._scheduler: Scheduler[Transfer] = Scheduler(self._connections)
        self._multis: dict[Allowed, Multi] = {}
        self._multi_of: dict[int, Multi] = {}
        """Whose each socket is."""
        self._active: dict[Transfer, CurlHandle] = {}
        self._poller = new_poller()
        self._inbox: deque[Callable[[], None]] = deque()
        self._watchers: list[Watcher] = []
        self.shared_by = 1
        """How many clients divide the limits among them."""
        self._closing = False
        self._error: BaseException | None = None
        self._next_look = 0.0
        self._asleep = False
        self._awake, self._waker = socket.socketpair()
        for end in (self._awake, self._waker):
            end.setblocking(False)
        self._poller.watch(self._awake.fileno(), READ)
        self._thread = threading.Thread(target=self._run, name="airnub-http", daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        """How many there may be at once, in all."""
        return self._connections

    @property
    def is_in_loop(self) -> bool:
        """Whether this is the thread of the loop."""
        return threading.current_thread() is self._thread

    def call(self, action: Callable[[], None]) -> None:
        """Do this in the loop, soon, after what was asked for before."""
        self._inbox.append(action)
        self.wake()

    def submit(self, transfer: Transfer) -> None:
        """Make a request; its sink is given the answer.

        Raises:
            ConnectionFailedError: the client is closed.
            BaseException: that ended the loop.
        """
        if self._error is not None:
            raise self._error
        if self._closing:
            raise ConnectionFailedError(transfer.url, "the engine was closed")
        self.call(lambda: self.begin(transfer))

    def cancel(self, transfer: Transfer) -> None:
        """Give up on a request; its sink is given nothing more, but a body to discard."""
        self.call(lambda: self.give_up(lambda one: one is transfer, for_good=True))

    def go_on(self, transfer: Transfer) -> None:
        """The reader of a body has taken something, or there is more of the body of the request."""
        self.call(lambda: self._go_on(transfer))

    def wake(self) -> None:
        """Let the loop look at what is new."""
        if self._asleep:
            self._asleep = False
            with suppress(BlockingIOError, OSError):  # a byte is there already, or the loop has ended
                self._waker.send(b"\0")

    def share(self, shared_by: int) -> None:
        """From now on, keep to a part of the limits: the others of so many clients have theirs."""
        self.shared_by = shared_by
        self._scheduler.connections = max(1, self._connections // shared_by)

    def close(self) -> None:
        """End the loop, and give up on what has not ended."""
        self._closing = True
        self._asleep = True
        self.wake()
        self._thread.join()

    # --- in the loop --------------------------------------------------------------------------------------------------

    def watch(self, watcher: Watcher) -> None:
        """Let it look at each turn."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Let it look no more."""
        self._watchers.remove(watcher)

    def begin(self, transfer: Transfer) -> None:
        """Take a request in."""
        if not transfer.is_given_up:
            self._scheduler.add(transfer)

    def give_up(self, is_given_up: Callable[[Transfer], bool], *, for_good: bool) -> None:
        """End requests, wherever they are; what is worth resuming is parked, unless it is `for_good`."""
        for transfer in self._scheduler.remove(is_given_up):
            self._drop(transfer, for_good=for_good)
        for transfer, handle in [entry for entry in self._active.items() if is_given_up(entry[0])]:
            multi = self._multi(transfer)
            multi.curl.remove_handle(handle.curl)
            del self._active[transfer]
            if handle.answer is not None:
                handle.answer.give_up(for_good=for_good)
            handle.keep_cookies(transfer)
            self._over(multi, handle, transfer)
            self._drop(transfer, for_good=for_good)

    def _drop(self, transfer: Transfer, *, for_good: bool) -> None:
        transfer.is_given_up = True
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

    def _run(self) -> None:
        try:
            while not self._closing:
                self._take_in()
                self._start()
                self._turn()
        except BaseException as error:  # noqa: BLE001  # it is raised in all that wait for something
            self._error = error
            for watcher in list(self._watchers):
                watcher.crashed(error)
        finally:
            self._end()

    def _take_in(self) -> None:
        while self._inbox:
            self._inbox.popleft()()

    def _start(self) -> None:
        now = monotonic()
        while (transfer := self._scheduler.next(now)) is not None:
            if not transfer.redirects:
                transfer.attempts += 1
                transfer.started = now
            multi = self._multi(transfer)
            handle = multi.idle.pop() if multi.idle else multi.new_handle(self._user_agent, self._proxy_for)
            self._ask(multi, handle, transfer)

    def _ask(self, multi: Multi, handle: CurlHandle, transfer: Transfer) -> None:
        transfer.sent = elapsed()
        try:
            handle.start(transfer)
        except ItemError as error:
            self._over(multi, handle, transfer)
            self._fail(transfer, error)
            return
        handle.last_seen = monotonic()
        handle.last_progress = 0
        self._active[transfer] = handle
        multi.curl.add_handle(handle.curl)

    def _turn(self) -> None:
        """Wait for something to happen, and let libcurl do what it can."""
        now = monotonic()
        due = [self._scheduler.wait(now), *(multi.wait(now) for multi in self._multis.values())]
        due += [watcher.look(now, is_idle=not self._active) for watcher in list(self._watchers)]
        waits = [_LONGEST_SLEEP, *(seconds for seconds in due if seconds is not None)]
        self._asleep = True
        # What came in before `_asleep` was true has woken nobody.
        waiting = 0.0 if self._inbox or self._closing else max(0.0, min(waits))
        for descriptor, events in self._poller.wait(waiting):
            if descriptor == self._awake.fileno():
                with suppress(BlockingIOError):
                    self._awake.recv(4096)
            else:
                self._multi_of[descriptor].act(descriptor, events)
        self._asleep = False
        now = monotonic()
        for multi in self._multis.values():
            multi.act_on_time(now)
            for curl, code, message in multi.ended():
                self._ended(multi, multi.handle_of(curl), code, message)
        if now >= self._next_look:
            self._look(now)

    def _ended(self, multi: Multi, handle: CurlHandle, code: int, message: str) -> None:
        """An exchange is over: on to where it sends us, to its result, or to another attempt."""
        transfer = handle.transfer
        multi.curl.remove_handle(handle.curl)
        del self._active[transfer]
        try:
            target = handle.end(code, message)
            if target is not None:
                limit = transfer.job.limits.max_redirects
                if transfer.redirects == limit:
                    raise TooManyRedirectsError(transfer.url, limit)
                self._send_on(multi, handle, transfer, target)
        except UnfitPartError as error:
            self._afresh(multi, handle, transfer, error)
        except ItemError as error:
            if isinstance(error, HttpStatusError) and transfer.sink.takes_all:
                assert handle.answer is not None, "it has a status"
                transfer.last = handle.answer.response()
                transfer.last_content = handle.answer.content_of_error()
                transfer.is_truncated = handle.answer.is_unwanted or code == pycurl.E_FILESIZE_EXCEEDED
            self._over(multi, handle, transfer)
            self._fail(transfer, error)
        except IngestError as error:
            self._over(multi, handle, transfer)
            transfer.sink.broken(error)
        else:
            if target is None:
                self._land(transfer, handle)
                self._over(multi, handle, transfer)

    def _land(self, transfer: Transfer, handle: CurlHandle) -> None:
        answer = handle.answer
        assert answer is not None, "a handle that was started"
        received, body = answer.response(), answer.body
        if body is not None:
            transfer.sink.whole(received, body)
            return
        self._drop_body(transfer)
        transfer.sink.not_modified(received)

    def _send_on(self, multi: Multi, handle: CurlHandle, transfer: Transfer, target: Url) -> None:
        """A redirect: at once where it stays with its host and the host sets no pace, else as the next of those that
        wait for the host that it leads to.
        """
        assert handle.answer is not None, "it was sent on"
        status = handle.answer.status
        is_same = (target.host, target.port) == (transfer.target.host, transfer.target.port)
        if is_same and transfer.per_second is None:
            transfer.send_on(target, status)
            self._ask(multi, handle, transfer)
        else:
            self._over(multi, handle, transfer)
            try:
                transfer.send_on(target, status)
            except ItemError as error:
                self._fail(transfer, error)
                return
            self._scheduler.add_first(transfer)

    def _afresh(self, multi: Multi, handle: CurlHandle, transfer: Transfer, error: ItemError) -> None:
        if transfer.body is None or not transfer.sink.can_restart:
            self._over(multi, handle, transfer)
            self._fail(transfer, error)
            return
        self._drop_body(transfer)
        self._ask(multi, handle, transfer)

    def _over(self, multi: Multi, handle: CurlHandle, transfer: Transfer) -> None:
        handle.release()
        multi.idle.append(handle)
        self._scheduler.ended(transfer)

    def _fail(self, transfer: Transfer, error: ItemError) -> None:
        error.attempts = transfer.attempts
        can_repeat = transfer.body is not None or transfer.sink.can_restart
        if is_retryable(error) and transfer.attempts < transfer.most_attempts and can_repeat:
            transfer.back_to_start()
            self._scheduler.add_later(transfer, monotonic() + wait_after(error, transfer.attempts))
            return
        if transfer.body is not None and is_retryable(error):
            error.kept = transfer.body.size
            transfer.sink.park(transfer.body)
            transfer.body = None
        else:
            self._drop_body(transfer)
        transfer.sink.failed(transfer, error)

    def _drop_body(self, transfer: Transfer) -> None:
        if transfer.body is not None:
            transfer.sink.discard(transfer.body)
            transfer.body = None

    def _look(self, now: float) -> None:
        """At all that is under way: what stalls, and what has said so much that it need not be waited for.

        Libcurl's own limit counts whole seconds and bytes a second; ours is the longest time without a byte.
        """
        shortest = _LONGEST_SLEEP
        for transfer, handle in list(self._active.items()):
            progress = handle.progress
            limit = transfer.job.limits.stall_timeout
            shortest = min(shortest, limit / 4)
            try:
                handle.begin_if_silent()
            except ItemError as error:
                self._stop(transfer, handle, error)
                continue
            if handle.is_paused or handle.waits_for_content:
                handle.last_seen = now
            elif progress != handle.last_progress or not handle.connected:
                handle.last_progress, handle.last_seen = progress, now
            elif now - handle.last_seen >= limit:
                self._stop(transfer, handle, TransferTimeoutError(transfer.url, "stall_timeout", limit))
        self._next_look = now + shortest

    def _stop(self, transfer: Transfer, handle: CurlHandle, error: ItemError) -> None:
        handle.stop(error)
        self._ended(self._multi(transfer), handle, pycurl.E_OPERATION_TIMEDOUT, "")

    def _end(self) -> None:
        with suppress(Exception):
            self.give_up(lambda _errand: True, for_good=False)
        for multi in self._multis.values():
            multi.close()
        self._poller.close()
        self._awake.close()
        self._waker.close()

    def _multi(self, transfer: Transfer) -> Multi:
        # A connection to a private host, opened for a source that may, must not serve one that may not.
        allowed = transfer.job.limits.allow_private_hosts
        if allowed not in self._multis:
            self._close_idle_multi()
            self._multis[allowed] = Multi(self._poller, self._multi_of, self._connections)
        return self._multis[allowed]

    def _close_idle_multi(self) -> None:
        """Each keeps connections open: where sources have many different lists of hosts, those would be too many."""
        if len(self._multis) >= _MULTIS:
            idle = next((allowed for allowed, multi in self._multis.items() if multi.is_idle), None)
            if idle is not None:
                self._multis.pop(idle).close()


def connections_for_open_files() -> int:
    """As many as the limit of open files allows: each has a socket, and a file where its body is large."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1024
    try:
        used = len(os.listdir("/dev/fd"))  # noqa: PTH208  # iterdir would make a Path of each
    except OSError:
        used = 0
    return max(1, (soft - used - _FILES_LEFT) // 2)
