"""A web server on loopback that breaks every rule, one path for each way: `misbehaviours` has the list.

    server.url("cut", size=48219, sent=17)        http://127.0.0.1:…/cut?size=48219&sent=17

It remembers who asked for what and when, and how many connections and requests it had at once. It runs in threads of
this process, so that a test can look at all that while an engine, in this process or another, talks to it.
"""

import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode, urlsplit

PATIENCE = 30
"""Seconds after which a thread gives up whatever it does: tests that fail should end."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came; header names in lower case."""

    target: str
    """As it stands in the request's first line."""
    path: str
    params: Mapping[str, str | int]
    headers: Mapping[str, str]
    at: float
    """By `time.monotonic()`."""
    connection: int
    """The how manieth that the server took."""

    @property
    def start(self):
        """Where the range begins that is asked for, in bytes; `None` where all is asked for."""
        asked = self.headers.get("range", "")
        return int(asked.removeprefix("bytes=").removesuffix("-")) if asked else None


class Load:
    """How many there are of something now, and were at most; servers may share one."""

    def __init__(self):
        self.most = 0
        self._now = 0
        self._changed = threading.Condition()

    def enter(self):
        """One more."""
        with self._changed:
            self._now += 1
            self.most = max(self.most, self._now)
            self._changed.notify_all()

    def leave(self):
        """One less."""
        with self._changed:
            self._now -= 1

    def reached(self, count):
        """Wait until there have been so many at once; whether it came to that."""
        with self._changed:
            return self._changed.wait_for(lambda: self.most >= count, timeout=PATIENCE / 3)


class Talk:
    """One request, and the connection that its answer goes to. After an answer that is none the connection closes."""

    def __init__(self, server, connection, asked, number):
        self.server = server
        self.connection = connection
        self.asked = asked
        self.number = number
        """How often this target has been asked for, this time included."""
        self.goes_on = False
        """Whether the connection serves another request afterwards."""
        self._waits = True
        server.busy.enter()

    def send(self, *pieces):
        """Send bytes as they are."""
        for piece in pieces:
            self.connection.sendall(piece)

    def head(self, status=200, headers=()):
        """Send a status and headers, pairs or a mapping, and nothing that was not asked for."""
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "?"
        lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in pairs), "", ""]
        self.send("\r\n".join(lines).encode("utf-8"))

    def answer(self, status=200, headers=(), body=b""):
        """Send an answer that keeps the rules."""
        length = () if status == HTTPStatus.NOT_MODIFIED else (("Content-Length", len(body)),)
        self.goes_on = True
        self.rest()
        self.head(status, [*(headers.items() if isinstance(headers, Mapping) else headers), *length])
        self.send(body)

    def rest(self):
        """Say that this request is dealt with, but for its last bytes: who has them may ask for more."""
        if self._waits:
            self._waits = False
            self.server.busy.leave()

    def stall(self):
        """Say nothing more until the test is over."""
        self.server.over.wait(PATIENCE)

    def pause(self, seconds):
        """Wait."""
        self.server.over.wait(seconds)

    def reset(self):
        """Close as if the cable was cut."""
        reset(self.connection)


class MisbehavingServer:
    """Listens on a free port of loopback from its start to `close()`.

    Args:
        behaviours: by name; each takes a `Talk` and what stands in the URL behind `?`.
        host: an address of loopback.
        context: of TLS; without one it talks plainly.
        greet: is given each connection and `over` first; says whether to go on.
        busy: of requests that are not answered yet.
        connected: of connections.
    """

    def __init__(
        self,
        behaviours: Mapping[str, Callable[..., None]],
        *,
        host: str = "127.0.0.1",
        context: ssl.SSLContext | None = None,
        greet: Callable[[socket.socket, threading.Event], bool] | None = None,
        busy: Load | None = None,
        connected: Load | None = None,
    ) -> None:
        self.behaviours = dict(behaviours)
        self.asked: list[Asked] = []
        self.accepted = 0
        self.busy = busy or Load()
        self.connected = connected or Load()
        self.over = threading.Event()
        """Set when the test is over: whoever stalls waits for it."""
        self._context = context
        self._greet = greet
        self._times = Counter()
        self._lock = threading.Lock()
        self._host = f"[{host}]" if ":" in host else host
        self._listening = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self):
        """Where it listens."""
        return self._listening.getsockname()[1]

    def url(self, behaviour, /, **parameters):
        """The URL of a behaviour."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return f"{'http' if self._context is None else 'https'}://{self._host}:{self.port}/{behaviour}{query}"

    def asked_for(self, url):
        """The requests for a URL."""
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return [asked for asked in self.asked if asked.target == target]

    def close(self):
        """End all threads."""
        self.over.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _accept(self):
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.accepted += 1
                thread = threading.Thread(target=self._serve, args=(connection, self.accepted))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection, number):
        # Whoever asked went away, or spoke no TLS: that is what some tests are about.
        with suppress(OSError), connection:
            connection.settimeout(0.2)
            self.connected.enter()
            try:
                if self._greet is not None and not self._greet(connection, self.over):
                    return
                if self._context is not None:
                    connection.settimeout(PATIENCE)
                    with self._context.wrap_socket(connection, server_side=True) as encrypted:
                        encrypted.settimeout(0.2)
                        self._answer_all(encrypted, number)
                else:
                    self._answer_all(connection, number)
            finally:
                self.connected.leave()

    def _answer_all(self, connection, number):
        while (asked := self._read(connection, number)) is not None:
            connection.settimeout(PATIENCE)
            with self._lock:
                self._times[asked.target] += 1
                self.asked.append(asked)
                talk = Talk(self, connection, asked, self._times[asked.target])
            try:
                behave = self.behaviours.get(asked.path.removeprefix("/"))
                if behave is None:
                    talk.answer(404, body=b"not here\n")
                else:
                    behave(talk, **asked.params)
            finally:
                talk.rest()
            if not talk.goes_on:
                return
            connection.settimeout(0.2)

    def _read(self, connection, number):
        head = b""
        while b"\r\n\r\n" not in head:
            try:
                got = connection.recv(65536)
            except TimeoutError:
                if self.over.is_set():
                    return None
                continue
            if not got:
                return None
            head += got
            if not head[:1].isalpha():
                # A hello of TLS, most likely, which no empty line ends.
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                return None
        first, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        method, target, *_ = first.split(" ")
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        params = {
            name: int(value) if value.isdigit() and len(value) < 20 else value
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        }
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return Asked(target, parts.path, params, headers, time.monotonic(), number)


class FullBacklog:
    """A port that takes no more connections: whoever asks for one waits for it."""

    def __init__(self):
        self._listening = socket.socket()
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(0)
        self.is_full = False
        self._waiting = []
        for _ in range(16):
            caller = socket.socket()
            caller.settimeout(0.3)
            self._waiting.append(caller)
            try:
                caller.connect(self._listening.getsockname())
            except OSError:
                self.is_full = True
                break

    def url(self, path):
        """The URL of a path."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}{path}"

    def close(self):
        """Hang up."""
        for one in (*self._waiting, self._listening):
            one.close()


def reset(connection):
    """Close as if the cable was cut."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def never_read(connection, over):
    """A greeting: take the connection, and that was all."""
    over.wait(PATIENCE)
    return False


def reset_at_once(connection, over):
    """A greeting: none."""
    reset(connection)
    return False


def cut_handshake(connection, over):
    """A greeting: the other side says hello, and hears nothing more."""
    connection.settimeout(PATIENCE)
    connection.recv(16)
    return False


def reset_handshake(connection, over):
    """A greeting: the other side says hello, and the line is dead."""
    connection.settimeout(PATIENCE)
    connection.recv(16)
    reset(connection)
    return False


def garbled_handshake(connection, over):
    """A greeting: something that is no TLS."""
    connection.settimeout(PATIENCE)
    connection.recv(65536)
    connection.sendall(b"\x16\x03\x03\x00\x05 what")
    return False


def mute_handshake(connection, over):
    """A greeting: the other side says hello, and is left waiting."""
    connection.settimeout(PATIENCE)
    connection.recv(65536)
    over.wait(PATIENCE)
    return False
