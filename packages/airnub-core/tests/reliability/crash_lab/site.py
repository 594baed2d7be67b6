"""A site that is slow enough to be killed in the middle of, and remembers what it sent: whole bodies above all."""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 256 * 1024
KIB, MIB = 1024, 1024 * 1024


def mixed_files(seed, small=80, medium=10, large=2):
    """Bytes by path: 1-60 KiB, 100 KiB-3 MiB, 8-20 MiB, and of each kind one that a second path has as well."""
    chance = random.Random(seed)
    files = {}
    for kind, count, least, most in [
        ("small", small, KIB, 60 * KIB),
        ("medium", medium, 100 * KIB, 3 * MIB),
        ("large", large, 8 * MIB, 20 * MIB),
    ]:
        for number in range(count):
            files[f"/{kind}/{number}.bin"] = chance.randbytes(chance.randint(least, most))
        if count:
            files[f"/again/{kind}.bin"] = files[f"/{kind}/0.bin"]
    paths = list(files)
    chance.shuffle(paths)
    return {path: files[path] for path in paths}


class SiteHandler(BaseHTTPRequestHandler):
    """One connection of a `Site`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def do_GET(self):
        with self.server.site.answering(self.path) as came_to:
            self.answer(self.server.site, self.path, came_to)

    def answer(self, site, path, came_to):
        """Answer, and put the status and the number of bytes of the body that were sent into `came_to`."""
        time.sleep(site.pause)
        if path not in site.files:
            came_to[0] = 404
            self._head(404, 0)
            return
        body, tag, status, extra = site.files[path], site.tag(path), 200, {}
        if self.headers.get("If-None-Match") == tag:
            status, body = 304, b""
        elif (span := self.headers.get("Range")) and self.headers.get("If-Range", tag) == tag:
            first, _, last = span.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or len(body) - 1), len(body) - 1)
            if start > end:
                status, extra, body = 416, {"Content-Range": f"bytes */{len(body)}"}, b""
            else:
                status, extra = 206, {"Content-Range": f"bytes {start}-{end}/{len(body)}"}
                body = body[start : end + 1]
        came_to[0] = status
        self._head(status, len(body), {"ETag": tag, "Accept-Ranges": "bytes", **extra})
        for start in range(0, len(body), PIECE):
            self.wfile.write(piece := body[start : start + PIECE])
            came_to[1] += len(piece)
            site.went_on()
            if len(body) > PIECE:
                time.sleep(site.pause)

    def _head(self, status, length, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_):
        """The site remembers; nobody reads."""


class Site:
    """Serves files with strong ETags, 304 and Range, on a port of loopback, while the block runs."""

    handler = SiteHandler

    def __init__(self, files: Mapping[str, bytes], pause: float = 0.0):
        """Listen at once.

        Args:
            files: bytes by path.
            pause: seconds before each answer, and after each piece of a long body.
        """
        self.files = dict(files)
        self.pause = pause
        self.answers = []
        """(path, status, bytes of the body that were sent), in the order in which they ended."""
        self._on_their_way = {}
        self._quiet = threading.Condition()
        self._tags = {path: _tag(body) for path, body in self.files.items()}
        self._server = _Server(("127.0.0.1", 0), self.handler)
        self._server.site = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, path):
        """The URL of a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def urls(self):
        """Every URL, in the order of the files."""
        return [self.url(path) for path in self.files]

    def truth(self):
        """Bytes by URL."""
        return {self.url(path): body for path, body in self.files.items()}

    def whole_bodies(self):
        """How often each URL's whole body was sent in one answer."""
        return Counter(
            self.url(path) for path, status, sent in self.answers if status == 200 and sent == len(self.files[path])
        )

    def bytes_sent(self):
        """How many bytes of bodies were sent for each URL."""
        sent = Counter()
        for path, _, size in self.answers:
            sent[self.url(path)] += size
        return +sent

    def change(self, path, body):
        """From now on, other bytes are at a path."""
        self.files[path], self._tags[path] = body, _tag(body)

    def wait_until_sent(self, path, size):
        """Return when so many bytes of an answer that is still on its way were sent."""
        with self._quiet:
            assert self._quiet.wait_for(
                lambda: any(its == path and came_to[1] >= size for its, came_to in self._on_their_way.values()),
                timeout=120,
            ), f"expected {size:,} bytes of {path} to be asked for"

    def settle(self):
        """Return when no answer is on its way any more; those of dead clients go on for a moment."""
        with self._quiet:
            assert self._quiet.wait_for(lambda: not self._on_their_way, timeout=120), "an answer hangs"

    def went_on(self):
        """Another piece of an answer was sent."""
        with self._quiet:
            self._quiet.notify_all()

    @contextmanager
    def answering(self, path):
        """While an answer is on its way; what is put into the list is what it came to."""
        came_to = [0, 0]
        with self._quiet:
            self._on_their_way[id(came_to)] = path, came_to
        try:
            yield came_to
        finally:
            with self._quiet:
                self.answers.append((path, *came_to))
                del self._on_their_way[id(came_to)]
                self._quiet.notify_all()

    def tag(self, path):
        """The ETag of a path."""
        return self._tags[path]


def _tag(body):
    return f'"{sha256(body).hexdigest()[:16]}"'


class _Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """Clients that are killed are what this is about."""
