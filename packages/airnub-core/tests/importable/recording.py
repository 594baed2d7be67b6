"""A web server on loopback that records requests of any method with their bodies, and answers as a test says."""

import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Recorded:
    """A request as it came; header names in lower case, those of one name as a list of values."""

    method: str
    target: str
    headers: dict
    body: bytes

    def header(self, name):
        """The one value of a header, `None` where it is not there."""
        values = self.headers.get(name, [])
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None


class RecordingServer:
    """Answers with `(status, headers, body)` of a function of each request; a body may be an iterable of pieces."""

    def __init__(self, answer, host="127.0.0.1"):
        self.answer = answer
        self.asked = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_arguments):
                pass

            def _body(self):
                if self.headers.get("transfer-encoding") == "chunked":
                    body = b""
                    while size := int(self.rfile.readline().strip(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                    return body
                return self.rfile.read(int(self.headers.get("content-length", 0)))

            def _talk(self):
                headers = {}
                for name, value in self.headers.items():
                    headers.setdefault(name.lower(), []).append(value)
                asked = Recorded(self.command, self.path, headers, self._body())
                server.asked.append(asked)
                answer = server.answer(asked)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, body = answer
                self.send_response(status)
                pairs = list(headers.items() if isinstance(headers, dict) else headers)
                if isinstance(body, bytes) and not any(name.lower() == "content-length" for name, _ in pairs):
                    pairs.append(("Content-Length", str(len(body))))
                if not isinstance(body, bytes):
                    self.close_connection = True
                for name, value in pairs:
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "HEAD":
                    return
                with suppress(OSError):
                    for piece in [body] if isinstance(body, bytes) else body:
                        self.wfile.write(piece)
                        self.wfile.flush()

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _talk  # noqa: N815

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_arguments):
                """A client that goes away is what some tests want."""

        self._server = Server((host, 0), Handler)
        self.host, self.port = host, self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def url(self, path="/"):
        """The URL of a path."""
        return f"http://{self.host}:{self.port}{path}"

    def close(self):
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
