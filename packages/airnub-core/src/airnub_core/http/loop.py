"""Event loop of an HTTP client: drives libcurl's multi interface in its own thread, and runs calls of other threads."""

import select
import socket
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Protocol

import pycurl

from airnub_core.errors import ConnectionFailedError

LONGEST_SLEEP = 1.0
"""Longest time in seconds between two iterations of the loop."""
_EVENTS = (0, select.POLLIN, select.POLLOUT, select.POLLIN | select.POLLOUT)
"""Events to poll for, indexed by libcurl's CURL_POLL_*: 1 is IN, 2 is OUT, 3 is INOUT."""
_BOTH = pycurl.CSELECT_IN | pycurl.CSELECT_OUT
_READY = {select.POLLIN: pycurl.CSELECT_IN, select.POLLOUT: pycurl.CSELECT_OUT}
"""libcurl's CURL_CSELECT_* by polled event; for combinations and errors, both."""


class Watcher(Protocol):
    """Code that is called in each iteration of the loop, in addition to the requests."""

    def look(self, now: float) -> float:
        """Do pending work; return seconds until the next call, or `inf` if only a request can change anything."""

    def crashed(self, error: BaseException) -> None:
        """Handle the end of the loop, by an error or by `close`; may be called twice."""


class Loop(ABC):
    """Event loop in its own thread; `call`, `watch`, `wake` and `close` are thread-safe, other methods are not."""

    def __init__(self, connections: int) -> None:
        """Create the loop with at most so many connections, open or kept in the pool; `start` starts its thread."""
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self.multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self.multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, connections)
        # Not `select.epoll`: libcurl unregisters a socket between two requests, and each change costs a system call.
        self._poll = select.poll()
        self._due = inf
        """Time of libcurl's next timer; `inf` if it only waits for sockets."""
        self._inbox: deque[Callable[[], None]] = deque()
        self._watchers: list[Watcher] = []
        self._closing = False
        self._error: BaseException | None = None
        self._next_look = 0.0
        self._asleep = False
        self._awake, self._waker = socket.socketpair()
        for end in (self._awake, self._waker):
            end.setblocking(False)
        self._poll.register(self._awake, select.POLLIN)
        self._thread = threading.Thread(target=self._run, name="airnub-http", daemon=True)

    def start(self) -> None:
        """Start the thread of the loop."""
        self._thread.start()

    def call(self, action: Callable[[], None]) -> None:
        """Run a callback in the loop, after those of earlier calls."""
        self._inbox.append(action)
        self.wake()

    def watch(self, watcher: Watcher) -> None:
        """Call a watcher in each iteration; if the loop has ended, its `crashed` is called immediately."""
        self._watchers.append(watcher)
        # Append first: the loop sets its error before it calls `crashed` of the watchers in the list.
        if self._closing or self._error is not None:
            watcher.crashed(self._ending())
        else:
            self.wake()

    def wake(self) -> None:
        """Wake up the loop for an iteration."""
        if self._asleep:
            self._asleep = False
            with suppress(BlockingIOError, OSError):  # the buffer is full, or the loop has ended
                self._waker.send(b"\0")

    def close(self) -> None:
        """Cancel all requests, end the loop, and join its thread."""
        self._closing = True
        self._asleep = True
        self.wake()
        self._thread.join()

    # --- in the loop: implemented by the client -----------------------------------------------------------------------

    @abstractmethod
    def start_due(self, now: float) -> float:
        """Start all requests that the limits allow now; return seconds until the next one may start.

        It is `inf` if the next one must wait for a running one to end.
        """

    @abstractmethod
    def ended(self, curl: pycurl.Curl, code: int, message: str) -> None:
        """Handle the end of a request; libcurl's error code is 0 on success."""

    @abstractmethod
    def look(self, now: float) -> float:
        """Check all running requests; return seconds until the next check."""

    @abstractmethod
    def give_up_all(self) -> None:
        """Cancel all requests at the end of the loop."""

    # --- in the loop --------------------------------------------------------------------------------------------------

    def unwatch(self, watcher: Watcher) -> None:
        """Stop calling a watcher; does nothing if it is not registered."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def _run(self) -> None:
        try:
            while not self._closing:
                while self._inbox:
                    self._inbox.popleft()()
                self._turn()
        except BaseException as error:  # noqa: BLE001  # raised in all callers that wait
            self._error = error
        finally:
            with suppress(Exception):
                self.give_up_all()
            # After the requests are cancelled, since watchers wait here for parked bodies.
            for watcher in list(self._watchers):
                watcher.crashed(self._ending())
            self.multi.close()
            self._awake.close()
            self._waker.close()

    def _ending(self) -> BaseException:
        """The error for calls after the loop was closed or has crashed."""
        return self._error or ConnectionFailedError("", "the engine was closed")

    def _turn(self) -> None:
        """Start requests, wait for a socket or a timer, and let libcurl process it."""
        now = monotonic()
        wait = min(LONGEST_SLEEP, self.start_due(now), self._due - now)
        for watcher in list(self._watchers):
            wait = min(wait, watcher.look(now))
        self._asleep = True
        # Calls before `_asleep` was set have not woken the loop.
        is_called = self._inbox or self._closing
        for descriptor, events in self._poll.poll(0 if is_called else max(0.0, wait * 1000)):
            if descriptor == self._awake.fileno():
                self._awake.recv(4096)
            else:
                self.multi.socket_action(descriptor, _READY.get(events, _BOTH))
        self._asleep = False
        now = monotonic()
        if self._due <= now:
            self._due = inf
            self.multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        left = 1
        while left:
            left, good, bad = self.multi.info_read()
            for curl in good:
                self.ended(curl, 0, "")
            for curl, code, message in bad:
                self.ended(curl, code, message)
        if now >= self._next_look:
            self._next_look = now + self.look(now)

    def _on_socket(self, what: int, descriptor: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._poll.unregister(descriptor)
        else:
            self._poll.register(descriptor, _EVENTS[what])

    def _on_timer(self, milliseconds: int) -> None:
        # 0 is due at once: `poll` would round up the time since the begin of the turn to a whole millisecond.
        self._due = inf if milliseconds < 0 else milliseconds and monotonic() + milliseconds / 1000
