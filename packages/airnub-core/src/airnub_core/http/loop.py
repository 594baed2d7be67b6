"""The loop of a client, in a thread of its own: sockets, the turns of libcurl, and what other threads ask for."""

import socket
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Protocol

from airnub_core.http.curl_handle import CurlHandle
from airnub_core.http.multi import Multi
from airnub_core.http.poller import READ, new_poller
from airnub_core.http.ssrf import Allowed

LONGEST_SLEEP = 1.0
"""Seconds between two turns, at most."""
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


class Loop(ABC):
    """`call`, `wake` and `close` may be called from any thread, the other methods in the loop."""

    def __init__(self, connections: int) -> None:
        """Prepare; `start` starts the thread.

        Args:
            connections: in all.
        """
        self._connections = connections
        self._multis: dict[Allowed, Multi] = {}
        self._multi_of: dict[int, Multi] = {}
        """Whose each socket is."""
        self._poller = new_poller()
        self._inbox: deque[Callable[[], None]] = deque()
        self._watchers: list[Watcher] = []
        self._closing = False
        self._error: BaseException | None = None
        self._next_look = 0.0
        self._asleep = False
        self._awake, self._waker = socket.socketpair()
        for end in (self._awake, self._waker):
            end.setblocking(False)
        self._poller.watch(self._awake.fileno(), READ)
        self._thread = threading.Thread(target=self._run, name="airnub-http", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def call(self, action: Callable[[], None]) -> None:
        """Do this in the loop, soon, after what was asked for before."""
        self._inbox.append(action)
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
        """Whether no exchange is under way."""

    @abstractmethod
    def start_due(self) -> None:
        """Start the exchanges whose turn it is."""

    @abstractmethod
    def due(self, now: float) -> float | None:
        """Seconds until the next one's turn, `None` where only the end of another changes anything."""

    @abstractmethod
    def ended(self, multi: Multi, handle: CurlHandle, code: int, message: str) -> None:
        """An exchange is over, with libcurl's code, 0 for none, and its words."""

    @abstractmethod
    def look(self, now: float) -> float:
        """Look at all that is under way; seconds until the next look."""

    @abstractmethod
    def give_up_all(self) -> None:
        """The loop ends."""

    # --- in the loop --------------------------------------------------------------------------------------------------

    def watch(self, watcher: Watcher) -> None:
        """Let it look at each turn."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Let it look no more."""
        self._watchers.remove(watcher)

    def multi_for(self, allowed: Allowed) -> Multi:
        """The pool of connections for a value of `allow_private_hosts`."""
        # A connection to a private host, opened for a source that may, must not serve one that may not.
        found = self._multis.get(allowed)
        if found is None:
            self._close_idle_multi()
            found = self._multis[allowed] = Multi(self._poller, self._multi_of, self._connections)
        return found

    def _close_idle_multi(self) -> None:
        """Each keeps connections open: where sources have many different lists of hosts, those would be too many."""
        if len(self._multis) >= _MULTIS:
            idle = next((allowed for allowed, multi in self._multis.items() if multi.is_idle), None)
            if idle is not None:
                self._multis.pop(idle).close()

    def _run(self) -> None:
        try:
            while not self._closing:
                self._take_in()
                self.start_due()
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

    def _turn(self) -> None:
        """Wait for something to happen, and let libcurl do what it can."""
        now = monotonic()
        due = [self.due(now), *(multi.wait(now) for multi in self._multis.values())]
        due += [watcher.look(now, is_idle=self.is_idle) for watcher in list(self._watchers)]
        waits = [LONGEST_SLEEP, *(seconds for seconds in due if seconds is not None)]
        self._asleep = True
        # What came in before `_asleep` was true has not woken the loop.
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
                self.ended(multi, multi.handle_of(curl), code, message)
        if now >= self._next_look:
            self._next_look = now + self.look(now)

    def _end(self) -> None:
        with suppress(Exception):
            self.give_up_all()
        for multi in self._multis.values():
            multi.close()
        self._poller.close()
        self._awake.close()
        self._waker.close()
