"""The client: libcurl's multi interface, driven by one loop in a thread of its own. All requests of an engine are made
here: requests go in, and their answers go to sinks.

The loop does nothing that takes long: large bodies are hashed and written in the lanes of their sink.
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

from airnub_core.download.answer import UnfitPartError
from airnub_core.download.errand import Errand
from airnub_core.download.exchange import Exchange
from airnub_core.download.multi import Multi
from airnub_core.download.poller import READ, new_poller
from airnub_core.download.schedule import Schedule
from airnub_core.errors import (
    ConnectionFailedError,
    HttpStatusError,
    IngestError,
    ItemError,
    TooManyRedirectsError,
    TransferTimeoutError,
)
from airnub_core.network.backoff import may_heal, wait_after
from airnub_core.network.ssrf import Allowed
from airnub_core.network.targets import Target
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
        self._connections = min(connections, connections_for_open_files())
        self._schedule: Schedule[Errand] = Schedule(self._connections)
        self._multis: dict[Allowed, Multi] = {}
        self._multi_of: dict[int, Multi] = {}
        """Whose each socket is."""
        self._active: dict[Errand, Exchange] = {}
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

    def submit(self, errand: Errand) -> None:
        """Make a request; its sink is given the answer.

        Raises:
            ConnectionFailedError: the client is closed.
            BaseException: that ended the loop.
        """
        if self._error is not None:
            raise self._error
        if self._closing:
            raise ConnectionFailedError(errand.url, "the engine was closed")
        self.call(lambda: self.begin(errand))

    def cancel(self, errand: Errand) -> None:
        """Give up on a request; its sink is given nothing more, but a body to discard."""
        self.call(lambda: self.give_up(lambda one: one is errand, for_good=True))

    def go_on(self, errand: Errand) -> None:
        """The reader of a body has taken something, or there is more of the body of the request."""
        self.call(lambda: self._go_on(errand))

    def wake(self) -> None:
        """Let the loop look at what is new."""
        if self._asleep:
            self._asleep = False
            with suppress(BlockingIOError, OSError):  # a byte is there already, or the loop has ended
                self._waker.send(b"\0")

    def share(self, shared_by: int) -> None:
        """From now on, keep to a part of the limits: the others of so many clients have theirs."""
        self.shared_by = shared_by
        self._schedule.connections = max(1, self._connections // shared_by)

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

    def begin(self, errand: Errand) -> None:
        """Take a request in."""
        if not errand.is_given_up:
            self._schedule.add(errand)

    def give_up(self, is_given_up: Callable[[Errand], bool], *, for_good: bool) -> None:
        """End requests, wherever they are; what is worth resuming is parked, unless it is `for_good`."""
        for errand in self._schedule.remove(is_given_up):
            self._drop(errand, for_good=for_good)
        for errand, exchange in [entry for entry in self._active.items() if is_given_up(entry[0])]:
            multi = self._multi(errand)
            multi.curl.remove_handle(exchange.curl)
            del self._active[errand]
            if exchange.answer is not None:
                exchange.answer.give_up(for_good=for_good)
            exchange.keep_cookies(errand)
            self._over(multi, exchange, errand)
            self._drop(errand, for_good=for_good)

    def _drop(self, errand: Errand, *, for_good: bool) -> None:
        errand.is_given_up = True
        body, errand.body = errand.body, None
        if body is not None:
            if for_good:
                errand.sink.discard(body)
            else:
                errand.sink.park(body)

    def _go_on(self, errand: Errand) -> None:
        exchange = self._active.get(errand)
        if exchange is not None and (exchange.is_paused or exchange.waits_for_content):
            exchange.last_seen = monotonic()
            exchange.go_on()

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
        while (errand := self._schedule.next(now)) is not None:
            if not errand.redirects:
                errand.attempts += 1
                errand.started = now
            multi = self._multi(errand)
            exchange = multi.idle.pop() if multi.idle else multi.new_exchange(self._user_agent)
            self._ask(multi, exchange, errand)

    def _ask(self, multi: Multi, exchange: Exchange, errand: Errand) -> None:
        errand.sent = elapsed()
        try:
            exchange.start(errand)
        except ItemError as error:
            self._over(multi, exchange, errand)
            self._fail(errand, error)
            return
        exchange.last_seen = monotonic()
        exchange.last_progress = 0
        self._active[errand] = exchange
        multi.curl.add_handle(exchange.curl)

    def _turn(self) -> None:
        """Wait for something to happen, and let libcurl do what it can."""
        now = monotonic()
        due = [self._schedule.wait(now), *(multi.wait(now) for multi in self._multis.values())]
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
                self._ended(multi, multi.exchange_of(curl), code, message)
        if now >= self._next_look:
            self._look(now)

    def _ended(self, multi: Multi, exchange: Exchange, code: int, message: str) -> None:
        """An exchange is over: on to where it sends us, to its result, or to another attempt."""
        errand = exchange.errand
        multi.curl.remove_handle(exchange.curl)
        del self._active[errand]
        try:
            target = exchange.end(code, message)
            if target is not None:
                limit = errand.job.limits.max_redirects
                if errand.redirects == limit:
                    raise TooManyRedirectsError(errand.url, limit)
                self._send_on(multi, exchange, errand, target)
        except UnfitPartError as error:
            self._afresh(multi, exchange, errand, error)
        except ItemError as error:
            if isinstance(error, HttpStatusError) and errand.sink.takes_all:
                assert exchange.answer is not None, "it has a status"
                errand.last = exchange.answer.received_headers()
                errand.last_content = exchange.answer.content_of_error()
                errand.is_truncated = exchange.answer.is_unwanted or code == pycurl.E_FILESIZE_EXCEEDED
            self._over(multi, exchange, errand)
            self._fail(errand, error)
        except IngestError as error:
            self._over(multi, exchange, errand)
            errand.sink.broken(error)
        else:
            if target is None:
                self._land(errand, exchange)
                self._over(multi, exchange, errand)

    def _land(self, errand: Errand, exchange: Exchange) -> None:
        answer = exchange.answer
        assert answer is not None, "an exchange that was started"
        received, body = answer.received_headers(), answer.body
        if body is not None:
            errand.sink.whole(received, body)
            return
        self._drop_body(errand)
        errand.sink.not_modified(received)

    def _send_on(self, multi: Multi, exchange: Exchange, errand: Errand, target: Target) -> None:
        """A redirect: at once where it stays with its host and the host sets no pace, else as the next of those that
        wait for the host that it leads to.
        """
        assert exchange.answer is not None, "it was sent on"
        status = exchange.answer.status
        is_same = (target.host, target.port) == (errand.target.host, errand.target.port)
        if is_same and errand.per_second is None:
            errand.send_on(target, status)
            self._ask(multi, exchange, errand)
        else:
            self._over(multi, exchange, errand)
            try:
                errand.send_on(target, status)
            except ItemError as error:
                self._fail(errand, error)
                return
            self._schedule.add_first(errand)

    def _afresh(self, multi: Multi, exchange: Exchange, errand: Errand, error: ItemError) -> None:
        if errand.body is None or not errand.sink.can_restart:
            self._over(multi, exchange, errand)
            self._fail(errand, error)
            return
        self._drop_body(errand)
        self._ask(multi, exchange, errand)

    def _over(self, multi: Multi, exchange: Exchange, errand: Errand) -> None:
        exchange.release()
        multi.idle.append(exchange)
        self._schedule.ended(errand)

    def _fail(self, errand: Errand, error: ItemError) -> None:
        error.attempts = errand.attempts
        can_repeat = errand.body is not None or errand.sink.can_restart
        if may_heal(error) and errand.attempts < errand.most_attempts and can_repeat:
            errand.back_to_start()
            self._schedule.add_later(errand, monotonic() + wait_after(error, errand.attempts))
            return
        if errand.body is not None and may_heal(error):
            error.kept = errand.body.size
            errand.sink.park(errand.body)
            errand.body = None
        else:
            self._drop_body(errand)
        errand.sink.failed(errand, error)

    def _drop_body(self, errand: Errand) -> None:
        if errand.body is not None:
            errand.sink.discard(errand.body)
            errand.body = None

    def _look(self, now: float) -> None:
        """At all that is under way: what stalls, and what has said so much that it need not be waited for.

        Libcurl's own limit counts whole seconds and bytes a second; ours is the longest time without a byte.
        """
        shortest = _LONGEST_SLEEP
        for errand, exchange in list(self._active.items()):
            progress = exchange.progress
            limit = errand.job.limits.stall_timeout
            shortest = min(shortest, limit / 4)
            try:
                exchange.begin_if_silent()
            except ItemError as error:
                self._stop(errand, exchange, error)
                continue
            if exchange.is_paused or exchange.waits_for_content:
                exchange.last_seen = now
            elif progress != exchange.last_progress or not exchange.connected:
                exchange.last_progress, exchange.last_seen = progress, now
            elif now - exchange.last_seen >= limit:
                self._stop(errand, exchange, TransferTimeoutError(errand.url, "stall_timeout", limit))
        self._next_look = now + shortest

    def _stop(self, errand: Errand, exchange: Exchange, error: ItemError) -> None:
        exchange.stop(error)
        self._ended(self._multi(errand), exchange, pycurl.E_OPERATION_TIMEDOUT, "")

    def _end(self) -> None:
        with suppress(Exception):
            self.give_up(lambda _errand: True, for_good=False)
        for multi in self._multis.values():
            multi.close()
        self._poller.close()
        self._awake.close()
        self._waker.close()

    def _multi(self, errand: Errand) -> Multi:
        # A connection to a private host, opened for a source that may, must not serve one that may not.
        allowed = errand.job.limits.allow_private_hosts
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
