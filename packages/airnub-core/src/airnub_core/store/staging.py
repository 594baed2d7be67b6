"""Staging: hidden folders in which bytes arrive, each owned by a live process, so that a crash leaves nothing."""

import hashlib
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from airnub_common import ALGORITHM
from airnub_core.errors import StoreError

_LOCK = "lock"


class Staging:
    """One process's hidden folder below `parent`; removed with all that was not published when the block ends."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._folder: Path | None = None
        self._lock: FileLock | None = None
        self._count = 0

    def __enter__(self) -> Self:
        """Create the folder, and remove those of processes that are dead.

        Raises:
            StoreError: the store cannot be written.
        """
        try:
            self._parent.mkdir(parents=True, exist_ok=True)
            # Between making the folder and locking it, another process could take it for a dead one's.
            with FileLock(self._parent / _LOCK):
                self._remove_dead()
                self._folder = Path(tempfile.mkdtemp(dir=self._parent))
                self._lock = FileLock(self._folder / _LOCK)
                self._lock.acquire()
        except OSError as error:
            raise StoreError.of(error, self._parent) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._lock is not None:
            self._lock.release()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def body(self) -> "StagedBody":
        """A new, empty body.

        Raises:
            OSError: the store cannot be written, or the disk is full.
        """
        assert self._folder is not None, "staging is entered before it is used"
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        return StagedBody(folder)

    def _remove_dead(self) -> None:
        for folder in self._parent.iterdir():
            if not folder.is_dir():
                continue
            lock = FileLock(folder / _LOCK, timeout=0)
            try:
                lock.acquire()
            except Timeout:
                continue
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()


class StagedBody:
    """Bytes on their way into the store: hashed while they are written, alone in a folder that can be published."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.size = 0
        """In bytes, so far."""
        self._hash = hashlib.new(ALGORITHM)
        self._path = folder / "body"
        self._file = self._path.open("wb")

    def write(self, chunk: bytes) -> None:
        """Append a chunk.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)

    def finish(self, file_name: str) -> tuple[Path, str]:
        """Close the file under its final name; returns its path and the 64 hexadecimal digits of its digest.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        self._file.close()
        self._path = self._path.rename(self.folder / file_name)
        return self._path, self._hash.hexdigest()

    def content(self) -> bytes:
        """All that was written, for bodies that are small.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        self._file.flush()
        return self._path.read_bytes()

    def discard(self) -> None:
        """Remove what came; a published body is not touched."""
        self._file.close()
        shutil.rmtree(self.folder, ignore_errors=True)
