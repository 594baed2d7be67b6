"""An origin and an S3 server that delay each response as a distant server would, and take almost no processor time.

    python -m benchmarks.far_servers MILLISECONDS SIZE

GET /file/NAME is a file of SIZE bytes that differs for each name. Everything else is S3: put, with `If-None-Match: *`
checked atomically; get, head and list. GET /-/counts returns the requests so far. It prints its port, and ends
with its standard input. moto would be the bottleneck of four workers: it takes 3 ms of a core for each put.
"""

import asyncio
import hashlib
import json
import sys
from collections import Counter
from html import escape
from urllib.parse import parse_qs, unquote

Answer = tuple[int, bytes]
_NO_SUCH_KEY = b"<Error><Code>NoSuchKey</Code></Error>"


class Servers:
    """Objects of both servers, and counts of the requests."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._objects: dict[str, bytes] = {}
        self.counts: Counter[str] = Counter()

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """Status and body of the response to one request."""
        path, _, query = target.partition("?")
        if path == "/-/counts":
            created = [key for key in self._objects if "/." not in key]
            stored = sum(not key.endswith(".manifest.json") for key in created)
            return 200, json.dumps({"stored": stored, **self.counts}).encode()
        if path.startswith("/file/"):
            self.counts["fetched"] += 1
            return 200, hashlib.shake_128(path.encode()).digest(self._size)
        self.counts[method] += 1
        key = unquote(path)
        if method == "PUT":
            if key in self._objects and headers.get("if-none-match") == "*":
                self.counts["refused"] += 1
                return 412, b"<Error><Code>PreconditionFailed</Code></Error>"
            self._objects[key] = body
            return 200, b""
        if "list-type=2" in query:
            return 200, self._listed(key.rstrip("/"), parse_qs(query).get("prefix", [""])[0])
        return (200, self._objects[key]) if key in self._objects else (404, _NO_SUCH_KEY)

    def _listed(self, bucket: str, prefix: str) -> bytes:
        keys = sorted(key[len(bucket) + 1 :] for key in self._objects if key.startswith(f"{bucket}/{prefix}"))
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self._objects[f'{bucket}/{key}'])}</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key in keys
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()


class Connection(asyncio.Protocol):
    """Handle one request after another, each response delayed; a new connection costs one round trip more."""

    def __init__(self, servers: Servers, round_trip: float) -> None:
        self._servers = servers
        self._round_trip = round_trip
        self._wait = 2 * round_trip
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "a socket's"
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            first, *lines = self._received[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            whole = end + 4 + int(headers.get("content-length", "0"))
            if len(self._received) < whole:
                return
            body = bytes(self._received[end + 4 : whole])
            del self._received[:whole]
            method, target, _ = first.split(" ")
            status, content = self._servers.answer(method, target, headers, body)
            tag = hashlib.md5(body or content, usedforsecurity=False).hexdigest()
            head = (
                f'HTTP/1.1 {status} Said\r\nContent-Length: {len(content)}\r\nETag: "{tag}"\r\n'
                "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n"
            )
            answer = head.encode() + (b"" if method == "HEAD" else content)
            asyncio.get_running_loop().call_later(self._wait, self._transport.write, answer)
            self._wait = self._round_trip


async def main(round_trip: float, size: int) -> None:
    """Serve until standard input ends."""
    servers, loop, ended = Servers(size), asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: Connection(servers, round_trip), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop.add_reader(sys.stdin, ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) / 1000, int(sys.argv[2])))
