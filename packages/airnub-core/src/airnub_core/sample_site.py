"""A small web site on loopback, for demos and tests: it serves configured responses and records the requests.

with SampleSite({"/weather.csv": Reply(b"…"), "/gone": Reply(status=404)}) as site:
    site.url("/weather.csv")
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from airnub_common import sha256_hex


@dataclass(frozen=True, slots=True)
class Asked:
    """A received request; header names are in lower case, and repeated parameters have their last value."""

    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """A configured response. With status 200 it gets an ETag, and a 304 is sent if that matches the request.

    A `Content-Length` among the headers is sent unchanged, even if it is wrong; then the connection is closed, and
    there is no ETag.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Route = Reply | Callable[[Asked], Reply]


class SampleSite:
    """A server on loopback in threads of this process, while its `with` block runs."""

    def __init__(self, routes: Mapping[str, Route], *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen immediately.

        Args:
            routes: the response of each path; all other paths get a 404.
            host: a loopback address.
            port: 0 for a free port.

        Raises:
            OSError: the port is in use.
        """
        self.routes = dict(routes)
        self.asked: list[Asked] = []
        """All requests, in the order of their arrival."""
        self._server = _Server((host, port), _Handler)
        self._server.site = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self._server.server_port

    def url(self, path: str) -> str:
        """The complete URL of a path."""
        host = self._server.server_address[0]
        return f"http://{host!s}:{self.port}{path}"

    def reply(self, asked: Asked) -> Reply:
        """The response to a request, which is recorded."""
        self.asked.append(asked)
        route = self.routes.get(asked.path, Reply(b"not here\n", status=404))
        reply = route if isinstance(route, Reply) else route(asked)
        if reply.status != 200 or "content-length" in {name.lower() for name in reply.headers}:
            return reply
        etag = f'"{sha256_hex(reply.body)[:16]}"'
        headers = {"ETag": etag, **reply.headers}
        if asked.headers.get("if-none-match") == headers["ETag"]:
            return Reply(status=304, headers=headers)
        return Reply(reply.body, headers=headers)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def paged(records: Sequence[object], encode: Callable[[Sequence[object]], bytes]) -> Callable[[Asked], Reply]:
    """A route that serves records by `offset`, counted from 1, and `limit`, like the API of the USGS."""

    def reply(asked: Asked) -> Reply:
        try:
            start, limit = int(asked.params.get("offset", "1")), int(asked.params.get("limit", "20000"))
        except ValueError:
            return Reply(b"offset and limit are whole numbers\n", status=400)
        if start < 1 or limit < 0:
            return Reply(b"offset starts at 1, limit at 0\n", status=400)
        return Reply(encode(records[start - 1 : start - 1 + limit]), headers={"Content-Type": "application/json"})

    return reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    site: SampleSite


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.site.reply(Asked(parts.path, dict(parse_qsl(parts.query)), headers))
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "content-length" in {name.lower() for name in reply.headers}:
            self.close_connection = True
        elif reply.status != 304:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionResetError, BrokenPipeError):
            # The client has disconnected, which is normal during experiments.
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # the name is the base class's
        """Log nothing: the requests are in `asked`."""
