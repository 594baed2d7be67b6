"""The floor of S: the least work with which Python can do the job. It is not a usable downloader.

Two forked processes with one loop each write the same files, folders, manifests, log, names and rows as airnub,
without limits, redirects, retries, checks, errors, progress, recovery, or a second run. Arguments: the folder, a file
of URLs, and the number of connections.
"""

import hashlib
import json
import os
import pickle
import select
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pycurl

PROCESSES = 2
PACKET = 100
BATCH = 1000
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class Arrived(NamedTuple):
    """A staged file."""

    staged: str
    url: str
    name: str
    digest: str
    size: int


class Transfer:
    """A reusable libcurl handle."""

    def __init__(self) -> None:
        self.url = ""
        self.pieces: list[bytes] = []
        self.lines: list[bytes] = []
        self.curl = pycurl.Curl()
        self.curl.setopt(pycurl.WRITEFUNCTION, self.pieces.append)
        self.curl.setopt(pycurl.HEADERFUNCTION, self.lines.append)
        if certificate := os.environ.get("SSL_CERT_FILE"):
            self.curl.setopt(pycurl.CAINFO, certificate)
            self.curl.setopt(pycurl.PIPEWAIT, 1)

    def begin(self, url: str) -> None:
        """Set the next URL to request."""
        self.url = url
        self.pieces.clear()
        self.lines.clear()
        self.curl.setopt(pycurl.URL, url)


def main(root: Path, urls: list[str], connections: int) -> None:
    """Fetch all URLs; everything is durable at the end."""
    index = sqlite3.connect(root / "index", isolation_level=None)
    index.execute("PRAGMA journal_mode = WAL")
    index.execute("PRAGMA synchronous = FULL")
    index.execute(f"CREATE TABLE known (id INTEGER PRIMARY KEY, {', '.join(f'c{one}' for one in range(11))})")
    store = os.open(root, os.O_RDONLY)
    os.mkdir("files", dir_fd=store)
    prefixes: set[str] = set()
    batch: list[Arrived] = []
    pipes = [_start(root, str(one), urls[one::PROCESSES], connections // PROCESSES) for one in range(PROCESSES)]
    for packet in _packets(pipes):
        batch += packet
        if len(batch) >= BATCH:
            _settle(root, store, index, batch, prefixes)
            batch = []
    _settle(root, store, index, batch, prefixes)
    index.close()
    for _ in pipes:
        os.wait()


def _start(root: Path, name: str, urls: list[str], connections: int) -> int:
    """Fork a process; returns the pipe that its packets arrive on."""
    (root / name).mkdir()
    out, into = os.pipe()
    if os.fork():
        os.close(into)
        return out
    os.close(out)
    _download(root, name, urls, connections, into)
    os._exit(0)


def _packets(pipes: list[int]) -> Iterator[list[Arrived]]:
    poll = select.poll()
    files = {pipe: os.fdopen(pipe, "rb") for pipe in pipes}
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    while files:
        for pipe, _ in poll.poll():
            length = files[pipe].read(4)
            if length:
                yield pickle.loads(files[pipe].read(int.from_bytes(length, "big")))  # this process
            else:
                poll.unregister(pipe)
                files.pop(pipe).close()


def _download(root: Path, name: str, urls: list[str], connections: int, into: int) -> None:
    multi, waiting = pycurl.CurlMulti(), iter(urls)
    multi.setopt(pycurl.M_MAXCONNECTS, connections)
    staging = os.open(root / name, os.O_RDONLY)
    log = os.open(root / f"{name}.log", _NEW, 0o666)
    transfers: dict[pycurl.Curl, Transfer] = {}
    packet: list[Arrived] = []
    logged: list[bytes] = []
    number = 0

    def hand_over() -> None:
        os.writev(log, logged)
        sent = pickle.dumps(packet, pickle.HIGHEST_PROTOCOL)
        os.write(into, len(sent).to_bytes(4, "big") + sent)
        packet.clear()
        logged.clear()

    for _ in range(connections):
        transfer = Transfer()
        transfers[transfer.curl] = transfer
        transfer.begin(next(waiting))
        multi.add_handle(transfer.curl)
    running = connections
    while running:
        multi.perform()
        left = 1
        while left:
            left, good, bad = multi.info_read()
            assert not bad, bad
            for curl in good:
                transfer = transfers[curl]
                multi.remove_handle(curl)
                number += 1
                arrived, pieces = _stage(staging, f"{name}/{number}", transfer)
                packet.append(arrived)
                logged.extend(pieces)
                if len(packet) == PACKET:
                    hand_over()
                url = next(waiting, None)
                if url is None:
                    running -= 1
                else:
                    transfer.begin(url)
                    multi.add_handle(curl)
        wait = multi.timeout()
        multi.select(1.0 if wait < 0 else wait / 1000)
    hand_over()


def _stage(staging: int, staged: str, transfer: Transfer) -> tuple[Arrived, tuple[bytes, bytes]]:
    content = b"".join(transfer.pieces)
    digest, name = hashlib.sha256(content).hexdigest(), transfer.url.rpartition("/")[2]
    # As long as airnub's manifests.
    manifest = f'{{"url": "{transfer.url}", "digest": "{digest}", "size": {len(content)}}}'.ljust(1000).encode()
    folder = staged.rpartition("/")[2]
    os.mkdir(folder, dir_fd=staging)
    for path, written in ((f"{folder}/{name}", content), (f"{folder}/{name}.manifest.json", manifest)):
        handle = os.open(path, _NEW, 0o666, dir_fd=staging)
        os.write(handle, written)
        os.close(handle)
    return Arrived(staged, transfer.url, name, digest, len(content)), (manifest, content)


def _settle(root: Path, store: int, index: sqlite3.Connection, batch: list[Arrived], prefixes: set[str]) -> None:
    for number in range(PROCESSES):
        log = os.open(root / f"{number}.log", os.O_RDONLY)
        os.fdatasync(log)
        os.close(log)
    rows: list[tuple[Any, ...]] = []
    for one in batch:
        prefix = f"files/{one.digest[:2]}"
        if prefix not in prefixes:
            os.mkdir(prefix, dir_fd=store)
            prefixes.add(prefix)
        path = f"{prefix}/{one.digest}"
        os.rename(one.staged, path, src_dir_fd=store, dst_dir_fd=store)
        rows.append((one.url, one.digest, path, one.size, *[path] * 4, None, None, None))
    index.execute("BEGIN")
    index.executemany(f"INSERT INTO known VALUES (NULL{', ?' * 11})", rows)  # constants
    index.execute("COMMIT")


if __name__ == "__main__":
    started = time.perf_counter()
    main(Path(sys.argv[1]), Path(sys.argv[2]).read_text().split(), int(sys.argv[3]))
    print(json.dumps({"seconds": time.perf_counter() - started}))
