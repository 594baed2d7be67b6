"""Write-ahead log: append small bodies and their manifests to one file, which is synced before they are published.

One sync of one file makes them all durable. Syncing the files that they become, with three file system entries each,
takes far longer (5,000 files of 10 KiB on ext4: 20 to 50 ms against 230 ms; benchmarks/README.md has the effect on a
run). If a power loss removes any of those files, the next run writes them again from the log. Every staging process
appends to log files of its own:

    <staging folder>/redo/<prefix>-<number>.log
    an entry: folder, size of the manifest, size of the body (in bytes), line end; the manifest; the body
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
"""Size in bytes after which a log continues in a new file, so that old files can be removed when obsolete."""
_SUFFIX = ".log"
_LONGEST_LINE = 256


class LogEntry(NamedTuple):
    """An entry of a log: one staged body with its manifest."""

    folder: str
    """The staged folder, relative to the staging folder."""
    manifest: bytes
    content: bytes


class WriteAheadLog:
    """The log of one process. `add` may be called from any thread, the other methods from one thread only."""

    def __init__(self, staging: str | Path, prefix: str) -> None:
        """Prepare a log, whose files begin with a `prefix` unique to this process; the first `flush` creates a file.

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
        """Queue the body staged in a folder for the next `flush`."""
        self._waiting.append((f"{folder} {len(manifest)} {len(content)}\n".encode(), manifest, content))

    def flush(self) -> None:
        """Write all queued entries to the file, without a sync.

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
            # Reading stops at a truncated entry, so later entries go to a new file.
            self.close()
            raise

    def close(self) -> None:
        """Close the current file."""
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


def logs_in(staging: str | Path) -> list[str]:
    """The paths of all log files in a staging folder, those of one process in the order of their numbers."""
    folder = f"{staging}/{LOGS}"
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208
    except FileNotFoundError:
        return []
    return [f"{folder}/{name}" for name in names if name.endswith(_SUFFIX)]


def continued(logs: list[str]) -> list[str]:
    """The log files that no process appends to any more, since the process has a later one."""
    return [log for log, later in pairwise(logs) if _prefix(log) == _prefix(later)]


def read_log(path: str | Path) -> Iterator[LogEntry]:
    """The entries of a log up to the first incomplete one: a crash may have truncated or zeroed the last ones."""
    with Path(path).open("rb") as log:
        while entry := _entry(log.readline(_LONGEST_LINE).split(), log.read):
            yield entry


def _entry(line: list[bytes], read: Callable[[int], bytes]) -> LogEntry | None:
    try:
        folder, *lengths = line
        manifest, content = (read(int(length)) for length in lengths)
        whole = len(manifest) == int(lengths[0]) and len(content) == int(lengths[1])
        return LogEntry(folder.decode(), manifest, content) if whole else None
    except (ValueError, OverflowError, MemoryError):  # invalid lengths
        return None


def _prefix(log: str) -> str:
    return log.rpartition("-")[0]
