"""Event loop of a client, in its own thread: libcurl's multi interface, its sockets, and calls from other threads."""

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
"""Seconds between two turns, at most."""
_EVENTS = (0, select.POLLIN, select.POLLOUT, select.POLLIN | select.POLLOUT)
"""By what libcurl waits for, as it names that: 1 to read, 2 to write."""
_BOTH = pycurl.CSELECT_IN | pycurl.CSELECT_OUT
_READY = {select.POLLIN: pycurl.CSELECT_IN, select.POLLOUT: pycurl.CSELECT_OUT}
"""What a socket is ready for, as libcurl names it; on an error, for both."""


class Watcher(Protocol):
    """Has something to do in the loop now and then, besides what is done for requests."""

    def look(self, now: float, *, is_idle: bool) -> float:
        """Do it; seconds until the next look, `inf` where only a request changes anything."""
        ...

    def crashed(self, error: BaseException) -> None:
        """The loop has ended, by a fault or as it was closed; maybe called twice."""
        ...


class Loop(ABC):
    """`call`, `watch`, `wake` and `close` may be called from any thread, the other methods in the loop."""

    def __init__(self, connections: int) -> None:
        """Prepare; `start` starts the thread.

        Args:
            connections: in all, at once and kept afterwards.
        """
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self.multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self.multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, connections)
        # Not `select.epoll`: libcurl forgets a connection between two requests, and each change would be a system call.
        self._poll = select.poll()
        self._due = inf
        """When libcurl wants its turn; `inf` where only a socket matters."""
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
        """Begin."""
        self._thread.start()

    @property
    def _ending(self) -> BaseException | None:
        """Why nothing more is done, where that is so."""
        if self._error is None and self._closing:
            return ConnectionFailedError("", "the engine was closed")
        return self._error

    def call(self, action: Callable[[], None]) -> None:
        """Do this in the loop, soon, after what was asked for before."""
        self._inbox.append(action)
        self.wake()

    def watch(self, watcher: Watcher) -> None:
        """Let it look at each turn; where the loop has ended, `crashed` is called at once."""
        self._watchers.append(watcher)
        # In this order: the loop says why it ends before it tells those that are in the list.
        if (error := self._ending) is not None:
            watcher.crashed(error)
        else:
            self.wake()

    def wake(self) -> None:
        """Let the loop look at what is new."""
        if self._asleep:
            self._asleep = False
            with suppress(BlockingIOError, OSError):  # a byte is there already, or the loop has ended
                self._waker.send(b"\0")

    def close(self) -> None:
        """End the loop, and give up on what has not ended."""
        self._closing = True
        self._asleep = True
        self.wake()
        self._thread.join()

    # --- in the loop: what a client does ------------------------------------------------------------------------------

    @property
    @abstractmethod
    def is_idle(self) -> bool:
        """Whether no request is under way."""

    @abstractmethod
    def start_due(self) -> None:
        """Start the requests whose turn it is."""

    @abstractmethod
    def due(self, now: float) -> float:
        """Seconds until the next one's turn, `inf` where only the end of another changes anything."""

    @abstractmethod
    def ended(self, curl: pycurl.Curl, code: int, message: str) -> None:
        """A request has ended, with libcurl's code, 0 for none, and its words."""

    @abstractmethod
    def look(self, now: float) -> float:
        """Look at all that is under way; seconds until the next look."""

    @abstractmethod
    def give_up_all(self) -> None:
        """The loop ends: so does all that is under way."""

    # --- in the loop --------------------------------------------------------------------------------------------------

    def unwatch(self, watcher: Watcher) -> None:
        """Let it look no more; it may have ended before."""
        with suppress(ValueError):
            self._watchers.remove(watcher)

    def _run(self) -> None:
        try:
            while not self._closing:
                while self._inbox:
                    self._inbox.popleft()()
                self.start_due()
                self._turn()
        except BaseException as error:  # noqa: BLE001  # it is raised in all that wait for something
            self._error = error
        finally:
            with suppress(Exception):
                self.give_up_all()
            # Afterwards: what they do then is to wait for all that is parked.
            if (ending := self._ending) is not None:
                for watcher in list(self._watchers):
                    watcher.crashed(ending)
            self.multi.close()
            self._awake.close()
            self._waker.close()

    def _turn(self) -> None:
        """Wait for something to happen, and let libcurl do what it can."""
        for descriptor, events in self._poll.poll(self._wait() * 1000):
            if descriptor == self._awake.fileno():
                with suppress(BlockingIOError):
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

    def _wait(self) -> float:
        """Seconds to wait for sockets."""
        now, is_idle = monotonic(), self.is_idle
        wait = min(LONGEST_SLEEP, self.due(now), self._due - now)
        for watcher in list(self._watchers):
            wait = min(wait, watcher.look(now, is_idle=is_idle))
        self._asleep = True
        # What came in before `_asleep` was true has not woken the loop.
        return 0.0 if self._inbox or self._closing else max(0.0, wait)

    def _on_socket(self, what: int, descriptor: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._poll.unregister(descriptor)
        else:
            self._poll.register(descriptor, _EVENTS[what])

    def _on_timer(self, milliseconds: int) -> None:
        self._due = inf if milliseconds < 0 else monotonic() + milliseconds / 1000
