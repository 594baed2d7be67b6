"""A multi: many handles at once, by libcurl, which says what sockets it waits for and when it wants its turn."""

from collections.abc import Iterable
from time import monotonic

import pycurl

from airnub_core.http.curl_handle import CurlHandle
from airnub_core.http.poller import Poller
from airnub_core.http.proxies import ProxyFor


class Multi:
    """One of libcurl's multi handles, with the connections that it keeps, on a poller that others share."""

    def __init__(self, poller: Poller, multi_of: "dict[int, Multi]", connections: int) -> None:
        """Make a handle.

        Args:
            poller: waits for its sockets.
            multi_of: by descriptor, whom to tell that a socket is ready; filled in here.
            connections: at once, and kept afterwards.
        """
        self.curl = pycurl.CurlMulti()
        self.idle: list[CurlHandle] = []
        """Those that have no transfer."""
        self._poller = poller
        self._multi_of = multi_of
        self._handles: dict[pycurl.Curl, CurlHandle] = {}
        self._due: float | None = None
        self.curl.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self.curl.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self.curl.setopt(pycurl.M_MAXCONNECTS, connections)
        self.curl.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, connections)

    @property
    def is_idle(self) -> bool:
        """Whether none of its handles is in use."""
        return len(self.idle) == len(self._handles)

    def new_handle(self, user_agent: str, proxy_for: ProxyFor | None = None) -> CurlHandle:
        """One more, which belongs to this multi from now on; arguments as for `CurlHandle`."""
        handle = CurlHandle(user_agent, proxy_for)
        self._handles[handle.curl] = handle
        return handle

    def handle_of(self, curl: pycurl.Curl) -> CurlHandle:
        """Whose handle this is."""
        return self._handles[curl]

    def wait(self, now: float) -> float | None:
        """Seconds until libcurl wants its turn; `None` where only a socket matters."""
        return None if self._due is None else self._due - now

    def act(self, descriptor: int, events: int) -> None:
        """Something happened on a socket."""
        self.curl.socket_action(descriptor, events)

    def act_on_time(self, now: float) -> None:
        """Its turn, where it is due."""
        if self._due is not None and self._due <= now:
            self._due = None
            self.curl.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def ended(self) -> Iterable[tuple[pycurl.Curl, int, str]]:
        """Handles that are over, with libcurl's code, 0 for none, and its words."""
        while True:
            left, good, bad = self.curl.info_read()
            for curl in good:
                yield curl, 0, ""
            yield from bad
            if not left:
                return

    def close(self) -> None:
        """Close all handles; none may be at work."""
        for handle in self._handles.values():
            handle.curl.close()
        self.curl.close()

    def _on_socket(self, what: int, descriptor: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._poller.forget(descriptor)
            return
        self._multi_of[descriptor] = self
        self._poller.watch(descriptor, what)

    def _on_timer(self, milliseconds: int) -> None:
        self._due = None if milliseconds < 0 else monotonic() + milliseconds / 1000
