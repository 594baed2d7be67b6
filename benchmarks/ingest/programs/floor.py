"""Floors: the least work with which Python and libcurl can do a job that ends durable. They are not usable downloaders.

`large` receives, hashes and writes with O_DIRECT, each in a separate thread, and syncs; without manifests and index.
`unchanged` looks URLs up in an index, sends requests with their ETags, and records the time. For new small files,
`bare` is the floor. Arguments: `large` or `unchanged`, a folder, a file of URLs, and the number of connections.
"""

import hashlib
import json
import mmap
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

import pycurl

from airnub_core.store.durability import make_durable

BUFFER = 1024 * 1024
SPARE = 8
"""Buffers in addition to one per connection: those that are being hashed and written."""
BATCH = 1000
_BLOCK = 4096


def main(kind: str, root: Path, urls: list[str], connections: int) -> None:
    """Do the job, and print the seconds that it took."""
    connections = min(connections, len(urls))
    job: Callable[[], None]
    if kind == "large":
        job = Large(root, urls, connections).run
    else:
        index = _index_of(root, urls, connections)
        job = lambda: _ask_again(index, connections)  # noqa: E731
    started = time.perf_counter()
    job()
    print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)


class Piece(NamedTuple):
    """A buffer that is being written to the disk."""

    view: memoryview
    filled: int
    file: int
    offset: int
    sha: Any
    is_last: bool


class Transfer:
    """A reusable libcurl handle, and the file that it receives."""

    def __init__(self, large: "Large") -> None:
        self.curl = pycurl.Curl()
        self.curl.setopt(pycurl.WRITEFUNCTION, self._take)
        self.curl.setopt(pycurl.BUFFERSIZE, 256 * 1024)
        self._large = large
        self._file, self._sha, self._offset, self._filled = -1, hashlib.sha256(), 0, 0
        self._view: memoryview | None = None

    def begin(self, url: str) -> None:
        """Set the next URL to request."""
        self._file, self._sha, self._offset = self._large.new_file(), hashlib.sha256(), 0
        self.curl.setopt(pycurl.URL, url)

    def end(self) -> None:
        """Finish a complete file."""
        self._hand_over(is_last=True)

    def _take(self, piece: bytes) -> None:
        done = 0
        while done < len(piece):
            if self._view is None:
                self._view, self._filled = self._large.free.get(), 0
            part = min(len(piece) - done, BUFFER - self._filled)
            self._view[self._filled : self._filled + part] = piece[done : done + part]
            self._filled += part
            done += part
            if self._filled == BUFFER:
                self._hand_over()

    def _hand_over(self, *, is_last: bool = False) -> None:
        view = self._view if self._view is not None else self._large.free.get()
        filled = self._filled if self._view is not None else 0
        self._large.hashing.put(Piece(view, filled, self._file, self._offset, self._sha, is_last))
        self._offset += filled
        self._view = None


class Large:
    """The floor for large files."""

    def __init__(self, root: Path, urls: list[str], connections: int) -> None:
        self._root, self._urls = root, urls
        self._numbers = iter(range(len(urls)))
        self.free: SimpleQueue[memoryview] = SimpleQueue()
        self.hashing: SimpleQueue[Piece | None] = SimpleQueue()
        self._writing: SimpleQueue[Piece | None] = SimpleQueue()
        self.digests: list[str] = []
        for _ in range(connections + SPARE):
            self.free.put(memoryview(mmap.mmap(-1, BUFFER)))
        self._transfers = [Transfer(self) for _ in range(connections)]

    def new_file(self) -> int:
        """Open a file with O_DIRECT, if the file system supports it."""
        path, flags = self._root / f"{next(self._numbers)}", os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            return os.open(path, flags | getattr(os, "O_DIRECT", 0), 0o666)
        except OSError:
            return os.open(path, flags & ~os.O_EXCL, 0o666)

    def run(self) -> None:
        """Fetch all URLs; everything is durable at the end."""
        threads = [Thread(target=self._hash), Thread(target=self._write)]
        for thread in threads:
            thread.start()
        handles = {transfer.curl: transfer for transfer in self._transfers}
        _drive(handles, self._urls, lambda curl, url: handles[curl].begin(url), lambda curl: handles[curl].end())
        self.hashing.put(None)
        for thread in threads:
            thread.join()
        make_durable(self._root, self._root.iterdir())

    def _hash(self) -> None:
        while (piece := self.hashing.get()) is not None:
            piece.sha.update(piece.view[: piece.filled])
            if piece.is_last:
                self.digests.append(piece.sha.hexdigest())
            self._writing.put(piece)
        self._writing.put(None)

    def _write(self) -> None:
        while (piece := self._writing.get()) is not None:
            if piece.filled:
                whole = -(-piece.filled // _BLOCK) * _BLOCK
                assert os.pwrite(piece.file, piece.view[:whole], piece.offset) == whole
            if piece.is_last:
                os.ftruncate(piece.file, piece.offset + piece.filled)
                os.close(piece.file)
            self.free.put(piece.view)


def _drive(
    handles: Iterable[pycurl.Curl],
    urls: Iterable[str],
    begin: Callable[[pycurl.Curl, str], None],
    end: Callable[[pycurl.Curl], None],
) -> None:
    """Request each URL with the next free handle."""
    multi, waiting, running = pycurl.CurlMulti(), iter(urls), 0
    for curl in handles:
        begin(curl, next(waiting))
        multi.add_handle(curl)
        running += 1
    while running:
        multi.perform()
        left = 1
        while left:
            left, good, bad = multi.info_read()
            assert not bad, bad
            for curl in good:
                multi.remove_handle(curl)
                end(curl)
                url = next(waiting, None)
                if url is None:
                    running -= 1
                else:
                    begin(curl, url)
                    multi.add_handle(curl)
        wait = multi.timeout()
        multi.select(1.0 if wait < 0 else wait / 1000)


def _index_of(root: Path, urls: list[str], connections: int) -> sqlite3.Connection:
    """Create an index with the ETag of each URL; not timed."""
    index = sqlite3.connect(root / "index", isolation_level=None)
    index.execute("PRAGMA journal_mode = WAL")
    index.execute("PRAGMA synchronous = FULL")
    index.execute("CREATE TABLE known (url TEXT PRIMARY KEY, etag TEXT, checked_at TEXT) WITHOUT ROWID")
    asked: dict[pycurl.Curl, tuple[str, list[bytes]]] = {}

    def begin(curl: pycurl.Curl, url: str) -> None:
        asked[curl] = url, []
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.NOBODY, 1)
        curl.setopt(pycurl.HEADERFUNCTION, asked[curl][1].append)

    def end(curl: pycurl.Curl) -> None:
        url, lines = asked[curl]
        [etag] = [line.partition(b":")[2].strip().decode() for line in lines if line.lower().startswith(b"etag:")]
        rows.append((url, etag))

    rows: list[tuple[str, str]] = []
    _drive([pycurl.Curl() for _ in range(connections)], urls, begin, end)
    index.execute("BEGIN")
    index.executemany("INSERT INTO known VALUES (?, ?, '')", rows)
    index.execute("COMMIT")
    return index


def _ask_again(index: sqlite3.Connection, connections: int) -> None:
    etags = dict(index.execute("SELECT url, etag FROM known"))
    asked: dict[pycurl.Curl, str] = {}
    done: list[str] = []

    def note() -> None:
        index.execute(
            "UPDATE known SET checked_at = 'now' WHERE url IN (SELECT value FROM json_each(?))", [json.dumps(done)]
        )
        done.clear()

    def begin(curl: pycurl.Curl, url: str) -> None:
        asked[curl] = url
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.HTTPHEADER, [f"If-None-Match: {etags[url]}"])

    def end(curl: pycurl.Curl) -> None:
        assert curl.getinfo(pycurl.RESPONSE_CODE) == 304, asked[curl]
        done.append(asked[curl])
        if len(done) == BATCH:
            note()

    handles = [pycurl.Curl() for _ in range(connections)]
    for curl in handles:
        curl.setopt(pycurl.HEADERFUNCTION, [].append)
    _drive(handles, etags, begin, end)
    note()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]).read_text().split(), int(sys.argv[4]))
