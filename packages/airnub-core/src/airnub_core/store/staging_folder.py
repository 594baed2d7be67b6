"""Staging folders: a hidden, locked folder for each process that writes; folders of dead processes are recovered.

<hidden>/staging/<process>/lock
<prefix>/<number>/<file name>                    by `stager`: a body that can be published
<file name>.manifest.json
redo/<prefix>-<number>.log                       see `write_ahead_log`
"""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from airnub_core.errors import StoreError
from airnub_core.store.durability import defer_sync, make_durable
from airnub_core.store.write_ahead_log import logs_in

_LOCK = "lock"
_POLL = 0.005
"""Seconds between two attempts to get a lock that is held only briefly."""


class StagingFolder:
    """The hidden staging folder of one process, a context manager; on exit it is removed with what is unpublished."""

    def __init__(self, parent: Path, recover: Callable[[Path], None] = lambda _folder: None) -> None:
        """The folder is created on entry; `recover` is called with the folder of each dead process."""
        self._parent = parent
        self._recover = recover
        self.folder: Path
        """The staging folder of this process, absolute; from entry on, as its lock."""
        self._lock: FileLock
        self._abandoned = False

    def __enter__(self) -> Self:
        """Create the folder; recover and remove those of processes that are dead.

        Raises:
            StoreError: the store cannot be written.
        """
        try:
            with ExitStack() as undo:
                self._parent.mkdir(parents=True, exist_ok=True)
                # Otherwise a different process could find the folder not locked yet, and take its process for dead.
                with self._alone():
                    self.folder = Path(tempfile.mkdtemp(dir=self._parent)).absolute()
                    self._lock = FileLock(self.folder / _LOCK)
                    undo.callback(self._lock.release)
                    undo.callback(self._remove, self.folder)
                    self._lock.acquire()
                self._recover_dead()
                undo.pop_all()
        except OSError as error:
            raise StoreError.of(error, self._parent) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the folder, or keep it with its logs for the next run; the lock is released in any case.

        Raises:
            StoreError: the folder could not be written, and the block raised no error itself.
        """
        try:
            if self._abandoned:
                return
            if not logs_in(self.folder):
                self._remove(self.folder)
            elif kind is None:
                self._leave()
            # otherwise the index may lack entries of the logs, and the next run reads them
        except OSError as problem:
            if kind is None:  # otherwise the first error is raised, and the next run finds the folder
                raise StoreError.of(problem, self.folder) from problem
        finally:
            self._lock.release()

    def abandon(self) -> None:
        """Keep the folder on exit, for the next run to recover."""
        self._abandoned = True

    def _leave(self) -> None:
        """Mark the folder and keep it with its logs; if the mark cannot be written, sync all and remove the folder."""
        try:
            defer_sync(self.folder)
        except OSError:
            make_durable(self.folder, [])
            self._remove(self.folder)
            raise

    def _recover_dead(self) -> None:
        for folder in self._parent.iterdir():
            if not folder.is_dir() or folder == self.folder:
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
                continue  # a different process has just removed it
            try:
                self._recover(folder)
                self._remove(folder)
            finally:
                lock.release()

    def _alone(self) -> AbstractContextManager[object]:
        """A lock under which no other process creates, removes or inspects staging folders."""
        return FileLock(self._parent / _LOCK).acquire(poll_interval=_POLL)

    def _remove(self, folder: Path) -> None:
        """Remove a folder locked by this process, under `_alone`, so that no process takes it for a dead one's."""
        if folder.exists():
            with suppress(OSError), self._alone():
                shutil.rmtree(folder, ignore_errors=True)
