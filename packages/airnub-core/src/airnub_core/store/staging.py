"""Staging: hidden folders in which bytes arrive, each owned by a live process; what a dead one left is taken up.

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
