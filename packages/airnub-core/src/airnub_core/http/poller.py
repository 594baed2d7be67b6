"""The poller: which sockets are ready. On Linux epoll itself, since `selectors` costs more than libcurl does."""

import select
import selectors
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

READ, WRITE = 1, 2
"""Also what libcurl calls them, waiting and ready."""


class Poller(Protocol):
    """Waits for sockets, known by their descriptors."""

    def watch(self, descriptor: int, events: int) -> None:
        """Wait for these events of it, whatever was waited for before."""
        ...

    def forget(self, descriptor: int) -> None:
        """Wait for it no more; it may be closed already."""
        ...

    def wait(self, seconds: float) -> Iterable[tuple[int, int]]:
        """Those that are ready, with their events, after at most so long."""
        ...

    def close(self) -> None:
        """Release the descriptor."""
        ...


def new_poller() -> Poller:
    """The one that suits the system."""
    return _Epoll() if hasattr(select, "epoll") else _Selector()


class _Epoll:
    # EPOLLIN and EPOLLOUT are 1 and 4; errors and hang-ups are reported without being asked for.
    _ASKED = (0, 1, 4, 5)

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._forgotten: set[int] = set()
        """Still registered: libcurl forgets a connection between two requests, and mostly wants it again before
        anything comes from it. One that is closed the kernel forgets by itself.
        """

    def watch(self, descriptor: int, events: int) -> None:
        self._forgotten.discard(descriptor)
        try:
            self._epoll.modify(descriptor, self._ASKED[events])
        except FileNotFoundError:
            self._epoll.register(descriptor, self._ASKED[events])

    def forget(self, descriptor: int) -> None:
        self._forgotten.add(descriptor)

    def wait(self, seconds: float) -> list[tuple[int, int]]:
        return [
            (descriptor, READ * (events & ~4 > 0) | WRITE * (events & ~1 > 0))
            for descriptor, events in self._epoll.poll(seconds)
            if descriptor not in self._forgotten or self._unregister(descriptor)
        ]

    def _unregister(self, descriptor: int) -> bool:
        """It would be ready again and again; that it is of no interest."""
        self._forgotten.discard(descriptor)
        with suppress(OSError, ValueError):
            self._epoll.unregister(descriptor)
        return False

    def close(self) -> None:
        self._epoll.close()


class _Selector:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def watch(self, descriptor: int, events: int) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(descriptor)
        self._selector.register(descriptor, events)

    def forget(self, descriptor: int) -> None:
        with suppress(KeyError, ValueError, OSError):
            self._selector.unregister(descriptor)

    def wait(self, seconds: float) -> list[tuple[int, int]]:
        return [(key.fd, events) for key, events in self._selector.select(seconds)]

    def close(self) -> None:
        self._selector.close()
