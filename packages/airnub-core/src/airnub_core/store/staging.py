"""Staging: hidden folders in which bytes arrive, each owned by a live process; what a dead one left is taken up."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from airnub_common import ALGORITHM
from airnub_core.errors import StoreError
from airnub_core.store.durability import defer_sync, make_durable
from airnub_core.store.layout import SUFFIX, Staged, object_name
from airnub_core.store.manifest import Manifest, RequestInfo
from airnub_core.store.write_ahead_log import logs_in

_LOCK = "lock"
_OWN = "own"
"""Where the process itself stages, beside those that it has started."""
_POLL = 0.005
"""Seconds between two looks at a lock that is held for less."""


class Staging:
    """One process's hidden folder below `parent`; removed with all that was not published when the block ends."""

    def __init__(self, parent: Path, recover: Callable[[Path], None] = lambda _folder: None) -> None:
        """Name the place.

        Args:
            parent: of the folders of all processes.
            recover: given the folder of a process that is dead, before it is removed.
        """
        self._parent = parent
        self._recover = recover
        self._folder: Path | None = None
        self._lock: FileLock | None = None
        self._count = 0
        self._abandoned = False

    def __enter__(self) -> Self:
        """Create the folder; recover and remove those of processes that are dead.

        Raises:
            StoreError: the store cannot be written.
        """
        try:
            with ExitStack() as undo:
                self._parent.mkdir(parents=True, exist_ok=True)
                # Between making the folder and locking it, another process could take it for a dead one's.
                with self._alone():
                    self._folder = Path(tempfile.mkdtemp(dir=self._parent)).absolute()
                    self._lock = FileLock(self._folder / _LOCK)
                    undo.callback(self._lock.release)
                    undo.callback(self._remove, self._folder)
                    self._lock.acquire()
                self._recover_dead()
                undo.pop_all()
        except OSError as error:
            raise StoreError.of(error, self._parent) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the folder, or leave it with its logs to the next run; the lock is released in any case.

        Raises:
            StoreError: the disk took no more, though the block ended well.
        """
        assert self._lock is not None, "staging is entered before it is left"
        try:
            if self._abandoned:
                return
            if not logs_in(self.folder):
                self._remove(self.folder)
            elif kind is None:
                self._leave()
            # else the index may not know of all that is in them: the next run reads them
        except OSError as problem:
            if kind is None:  # else what went wrong first is raised, and the next run finds the folder
                raise StoreError.of(problem, self.folder) from problem
        finally:
            self._lock.release()

    @property
    def folder(self) -> Path:
        """Where this process's bytes arrive; absolute."""
        assert self._folder is not None, "staging is entered before it is used"
        return self._folder

    def abandon(self) -> None:
        """Leave what is here for the next run to recover."""
        self._abandoned = True

    def body(self) -> "StagedBody":
        """A new, empty body.

        Raises:
            OSError: the store cannot be written, or the disk is full.
        """
        self._count += 1
        folder = self.folder / _OWN / str(self._count)
        folder.parent.mkdir(exist_ok=True)
        folder.mkdir()
        return StagedBody(folder)

    def _leave(self) -> None:
        """Leave the folder with its logs, marked. Where there is no room for the mark, all is synced: then no log is
        needed, and the folder goes.
        """
        try:
            defer_sync(self.folder)
        except OSError:
            make_durable(self.folder, [])
            self._remove(self.folder)
            raise

    def _recover_dead(self) -> None:
        for folder in self._parent.iterdir():
            if not folder.is_dir() or folder == self._folder:
                continue
            lock = FileLock(folder / _LOCK, timeout=0)
            try:
                with self._alone():
                    if not folder.exists():
                        continue
                    lock.acquire()
            except Timeout:
                continue
            except OSError:
                if folder.exists():
                    raise
                continue  # another process has just removed it
            try:
                self._recover(folder)
                self._remove(folder)
            finally:
                lock.release()

    def _alone(self) -> AbstractContextManager[object]:
        """No other process comes, goes or looks meanwhile."""
        return FileLock(self._parent / _LOCK).acquire(poll_interval=_POLL)

    def _remove(self, folder: Path) -> None:
        """Remove a folder that we have locked, while no process looks: it would take it for that of a dead one."""
        if folder.exists():
            with suppress(OSError), self._alone():
                shutil.rmtree(folder, ignore_errors=True)


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

    def finish(
        self,
        asked: RequestInfo,
        final_url: str,
        headers: Mapping[str, str],
        original: str,
        sent_at: str,
        derived_from: tuple[str, ...] = (),
    ) -> Staged:
        """Close the file under its final name, with its manifest beside it: ready to be published.

        Args: as `Manifest.of`.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        self._file.close()
        name, hex_digits = object_name(original), self._hash.hexdigest()
        self._path = self._path.rename(self.folder / name)
        manifest = Manifest.of(
            asked,
            final_url,
            headers,
            hex_digits=hex_digits,
            size=self.size,
            file_name=name,
            original=original,
            sent_at=sent_at,
            derived_from=derived_from,
        )
        (self.folder / (name + SUFFIX)).write_bytes(manifest.as_bytes())
        return Staged(str(self.folder), asked.source, name, hex_digits, self.size, asked.url_digest)

    def content(self) -> bytes:
        """All that was written, for bodies that are small.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        if not self._file.closed:
            self._file.flush()
        return self._path.read_bytes()

    def discard(self) -> None:
        """Remove what came; a published body is not touched."""
        self._file.close()
        shutil.rmtree(self.folder, ignore_errors=True)
