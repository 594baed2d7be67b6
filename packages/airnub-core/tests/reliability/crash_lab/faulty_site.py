"""A site on which a share of all answers goes wrong, in every way that may heal, at random but the same for a seed."""

import random
import socket
import struct
import threading
import time
from functools import cache
from hashlib import sha256

from crash_lab.site import KIB, MIB, Site, SiteHandler

BAD = ("500", "503", "429", "reset", "reset midway", "truncated", "empty", "longer than sent", "bad chunk", "no HTTP")
ODD = ("stalls", "drips")
"""Slow, but whole in the end."""


@cache
def content(path):
    """What belongs to a path: 1-30 KiB, or 1-2 MiB of those whose name says `large`."""
    chance = random.Random(path)
    return chance.randbytes(chance.randint(MIB, 2 * MIB) if "large" in path else chance.randint(KIB, 30 * KIB))


class FaultyHandler(SiteHandler):
    """One connection of a `FaultySite`."""

    def answer(self, site, path, came_to):
        """As it should be, or with a fault, whose name is then put into `came_to` in place of the status."""
        if "missing" not in path:
            site.files[path] = content(path)
        fault = site.next_fault()
        if fault is None or path not in site.files:
            super().answer(site, path, came_to)
        elif fault == "stalls":
            time.sleep(0.5)
            super().answer(site, path, came_to)
        elif fault == "drips":
            body = site.files[path]
            self._send(f"HTTP/1.1 200 OK\r\nETag: {site.tag(path)}\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            for start in range(0, len(body), len(body) // 5 + 1):
                self._send(body[start : start + len(body) // 5 + 1])
                time.sleep(0.02)
            came_to[:] = 200, len(body)
        else:
            came_to[0] = fault
            self.close_connection = True
            self._go_wrong(fault, site.files[path], site.tag(path))

    def _go_wrong(self, fault, body, tag):
        head = f"HTTP/1.1 200 OK\r\nETag: {tag}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        if fault.isdigit():
            self._send(f"HTTP/1.1 {fault} Not now\r\nRetry-After: 0\r\nContent-Length: 4\r\n\r\nsoon".encode())
        elif fault == "reset":
            self._reset()
        elif fault == "reset midway":
            self._send(head + body[: len(body) // 2])
            self._reset()
        elif fault == "truncated":
            self._send(head + body[: len(body) * 2 // 3])
        elif fault == "longer than sent":
            self._send(head.replace(b"Length: ", b"Length: 1") + body)
        elif fault == "bad chunk":
            self._send(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + body[:1024] + b"\r\nnot hex\r\n"
            )
        elif fault == "no HTTP":
            self._send(b"\x00\x01 this is not HTTP\r\n\r\n")
        else:
            assert fault == "empty"

    def _send(self, content):
        self.wfile.write(content)

    def _reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()


class FaultySite(Site):
    """Every path has content, but those that say `missing`; `share` of the answers go wrong."""

    handler = FaultyHandler

    def __init__(self, seed, share):
        self._chance, self._share, self._turn = random.Random(seed), share, threading.Lock()
        self._deck = []
        super().__init__({})

    def next_fault(self):
        """What goes wrong with the next answer, or `None`."""
        with self._turn:
            if self._chance.random() >= self._share:
                return None
            # A deck of cards: each kind comes before any comes again.
            self._deck = self._deck or self._chance.sample(BAD + ODD, k=len(BAD + ODD))
            return self._deck.pop()

    def tag(self, path):
        """The ETag of a path."""
        return f'"{sha256(content(path)).hexdigest()[:16]}"'
