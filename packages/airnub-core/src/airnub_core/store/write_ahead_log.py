"""The write-ahead log: small bodies with their manifests, one behind the other, in a file that is synced before they
are published.

One sync of one file makes them durable, where the files that they become, three entries of the file system each, cost
many times as much to sync (5,000 files of 10 KiB on ext4: 20 to 50 ms against 230 ms; what that
saves of a run is in benchmarks/README.md). What a power loss takes of those
files, the next run writes again from here. Every process that stages appends to files of its own:

    <staging folder>/redo/<prefix>-<number>.log
    an entry: folder, bytes of the manifest, bytes of the body, line end; the manifest; the body
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

LOGS = "redo"
"""The folder of the logs, in a staging folder."""
SEGMENT = 64 * 1024 * 1024
"""Bytes, after which a log is continued in another file, so that the first one can go when it is needed no more."""
_SUFFIX = ".log"
_LONGEST_LINE = 256


class LogEntry(NamedTuple):
    """An entry of a log: what was staged, in case that it gets lost."""

    folder: str
    """Where it was staged, relative to the staging folder."""
    manifest: bytes
    content: bytes


class WriteAheadLog:
    """What one process appends to. `add` may be called from any thread, the others from one."""

    def __init__(self, staging: Path, prefix: str) -> None:
        """Begin a log.

        Args:
            staging: the staging folder.
            prefix: of this process alone.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        self._folder = f"{staging}/{LOGS}"
        self._prefix = prefix
        self._number = 0
        self._size = 0
        self._waiting: deque[tuple[bytes, bytes, bytes]] = deque()
        self._handle = -1

    def add(self, folder: str, manifest: bytes, content: bytes) -> None:
        """Append what is staged in a folder, at the next `flush`."""
        self._waiting.append((f"{folder} {len(manifest)} {len(content)}\n".encode(), manifest, content))

    def flush(self) -> None:
        """Write what was added; it is not durable yet.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        pieces: list[bytes] = []
        while self._waiting:
            pieces += self._waiting.popleft()
        if not pieces:
            return
        if self._handle < 0 or self._size >= SEGMENT:
            self._open_next()
        rest = memoryview(b"".join(pieces))
        self._size += len(rest)
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError:
            # What is cut is the end of a log: behind it nothing would be read.
            self.close()
            raise

    def close(self) -> None:
        """Nothing more is appended."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _open_next(self) -> None:
        self.close()
        self._number += 1
        self._size = 0
        with suppress(FileExistsError):
            os.mkdir(self._folder)  # noqa: PTH102
        path = f"{self._folder}/{self._prefix}-{self._number:06}{_SUFFIX}"
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)


def logs_in(staging: Path) -> list[Path]:
    """All logs in a staging folder, those of one process in their order."""
    try:
        return sorted(path for path in (staging / LOGS).iterdir() if path.suffix == _SUFFIX)
    except FileNotFoundError:
        return []


def continued(logs: list[Path]) -> list[Path]:
    """Of the logs in a staging folder, those that are not appended to any more, since there is a later one."""
    return [log for log, later in pairwise(logs) if _prefix(log) == _prefix(later)]


def read_log(path: Path) -> Iterator[LogEntry]:
    """The entries of a log, as far as they are whole: a crash may have cut the last ones, or left zeros there."""
    with path.open("rb") as log:
        while entry := _entry(log.readline(_LONGEST_LINE).split(), log.read):
            yield entry


def _entry(line: list[bytes], read: Callable[[int], bytes]) -> LogEntry | None:
    try:
        folder, *lengths = line
        manifest, content = (read(int(length)) for length in lengths)
        whole = len(manifest) == int(lengths[0]) and len(content) == int(lengths[1])
        return LogEntry(folder.decode(), manifest, content) if whole else None
    except (ValueError, OverflowError, MemoryError):  # lengths that are none
        return None


def _prefix(log: Path) -> str:
    return log.name.rpartition("-")[0]
