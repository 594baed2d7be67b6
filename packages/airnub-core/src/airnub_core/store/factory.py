"""Store factory: open the objects and the index of a store, and rebuild an index that is missing or damaged.

Each process that writes has a hidden staging folder, in which bodies are staged; those of dead processes are recovered:

    <hidden>/staging/<process>/lock
    <prefix>/<number>/<file name>                    by `stager`: a body that can be published
    <file name>.manifest.json
    redo/<prefix>-<number>.log                       see `write_ahead_log`
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from airnub_core.errors import DamagedIndexError, StoreError
from airnub_core.store.durability import defer_sync, make_durable
from airnub_core.store.fsck import Verification, verify
from airnub_core.store.index import Index, SqliteIndex
from airnub_core.store.location import StoreLocation
from airnub_core.store.partials import Partials
from airnub_core.store.protocol import Store
from airnub_core.store.recovery import recover
from airnub_core.store.withdrawal import write_withdrawals
from airnub_core.store.write_ahead_log import logs_in

INDEX = "index.sqlite"
_SCHEMES = ("postgresql://", "postgres://")
_LOCK = "lock"
_POLL = 0.005
"""Seconds between two attempts to get a lock that is held only briefly."""


class Staging:
    """The hidden staging folder of one process, a context manager; on exit it is removed with what is unpublished."""

    def __init__(self, parent: Path, recover: Callable[[Path], None] = lambda _folder: None) -> None:
        """Set the parameters; the folder is created on entry.

        Args:
            parent: the folder that holds the staging folders of all processes.
            recover: called with the folder of each dead process, before it is removed.
        """
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


@dataclass(frozen=True, slots=True)
class OpenStore:
    """A store with all that writing into it takes."""

    store: Store
    index: Index
    staging: Staging
    hidden: Path
    """A local folder for what is not an object; partial files wait in it."""


@contextmanager
def open_store(place: Path | StoreLocation) -> Iterator[tuple[Store, Index]]:
    """A store, created when it is missing, and its index.

    Raises:
        StoreError: the store or the index cannot be created, read or written.
    """
    place = StoreLocation.at(place)
    store = place.store()
    index, _ = _open_index(place, store)
    try:
        yield store, index
        _close(store)
    finally:
        index.close()


@contextmanager
def open_for_writing(place: Path | StoreLocation) -> Iterator[OpenStore]:
    """The same, with a folder for bytes to arrive in; what dead processes left is recovered first.

    Raises:
        StoreError: the store or the index cannot be created, read or written.
    """
    place = StoreLocation.at(place)
    hidden = place.hidden
    with open_store(place) as (store, index):
        partials = Partials(hidden)
        with Staging(hidden / "staging", lambda folder: recover(store, index, partials, folder)) as staging:
            try:
                # A process that was killed in between has left them in the index alone.
                write_withdrawals(store, index, index.unwritten())
                yield OpenStore(store, index, staging, hidden)
            except StoreError:
                if not isinstance(place.objects, Path):
                    staging.abandon()  # what came is published when the bucket can be reached again
                raise
            finally:
                try:
                    _close(store)
                except StoreError:
                    # The next run does it again.
                    staging.abandon()
                    raise


def _close(store: Store) -> None:
    try:
        store.close()
    except OSError as error:
        raise StoreError.of(error, store.name) from error


def reindex(place: Path | StoreLocation) -> Verification:
    """Build the index of a store anew from its manifests; objects that are damaged are left out of it.

    Raises:
        StoreError: the store or the index cannot be read or written.
    """
    place = StoreLocation.at(place)
    index, verification = _open_index(place, place.store(), anew=True)
    index.close()
    assert verification is not None, "an index that is built anew is verified"
    return verification


def _open_index(place: StoreLocation, store: Store, *, anew: bool = False) -> tuple[Index, Verification | None]:
    """The index, and what was found when it had to be built."""
    verification: Verification | None = None

    def build(index: Index) -> None:
        # An object that no index knows is hashed before it is believed.
        nonlocal verification
        verification = verify(store)
        unwritten = index.unwritten()
        store.withdraw(unwritten)
        index.rebuild(verification.sound, [*verification.withdrawals, *unwritten])

    try:
        index = open_index(place.index or place.hidden / INDEX, build, anew=anew)
    except OSError as error:
        raise StoreError.of(error, place.name) from error
    return index, verification


def open_index(place: Path | str, build: Callable[[Index], None], *, anew: bool = False) -> Index:
    """The index at a place, built when it is not yet; several processes may ask at once.

    Args:
        place: a file, for SQLite; or a URL, `postgresql://…`, for PostgreSQL.
        build: called when the index is to be built, by one process at a time.
        anew: build it in any case.

    Raises:
        StoreError: it cannot be opened or built, or the URL is of a different kind.
        OSError: the folder of the file cannot be created or written.
    """
    if isinstance(place, Path):
        return _in_file(place, build, anew=anew)
    if place.startswith(_SCHEMES):
        return _on_server(place, build, anew=anew)
    # Whatever it is, a password may be in it.
    raise StoreError("index", f"expected a URL that begins with {_SCHEMES[0]}, found a different one")


def _in_file(path: Path, build: Callable[[Index], None], *, anew: bool) -> Index:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes that find no index must not both build it.
    with FileLock(f"{path}.lock"):
        try:
            return _built(SqliteIndex(path), build, anew=anew)
        except DamagedIndexError:
            for file in path.parent.glob(f"{path.name}*"):
                if file.suffix != ".lock":
                    file.replace(file.with_name(f"damaged-{file.name}"))
            return _built(SqliteIndex(path), build, anew=anew)


def _on_server(url: str, build: Callable[[Index], None], *, anew: bool) -> Index:
    try:
        from airnub_core.store.index.postgres import PostgresIndex
    except ImportError as error:
        raise StoreError("index", f"expected psycopg, found none ({error}); install airnub-core[postgres]") from error
    index = PostgresIndex(url)
    try:
        if index.is_built and not anew:
            return index
        with index.alone():
            return _built(index, build, anew=anew)
    except BaseException:
        index.close()
        raise


def _built(index: Index, build: Callable[[Index], None], *, anew: bool) -> Index:
    try:
        if anew or not index.is_built:
            build(index)
    except BaseException:
        index.close()
        raise
    return index
