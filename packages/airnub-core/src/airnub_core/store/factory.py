"""Store factory: open the objects and the index of a store, and rebuild an index that is missing or damaged."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from airnub_core.errors import DamagedIndexError, StoreError
from airnub_core.store.base import Store
from airnub_core.store.fsck import Verification, verify
from airnub_core.store.index import Index, SqliteIndex
from airnub_core.store.location import StoreLocation
from airnub_core.store.partials import Partials
from airnub_core.store.recovery import recover
from airnub_core.store.staging_folder import StagingFolder
from airnub_core.store.withdrawal import write_withdrawals

_log = logging.getLogger(__name__)
INDEX = "index.sqlite"
_SCHEMES = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True)
class OpenStore:
    """An open store with its index and the staging folder for writing."""

    store: Store
    index: Index
    staging: StagingFolder
    partials: Partials
    """The partial files, in a local folder."""


@contextmanager
def open_store(place: Path | StoreLocation) -> Iterator[tuple[Store, Index]]:
    """Open a store and its index; both are created if they are missing.

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
    """Open a store for writing, with a staging folder, after recovering the staging folders of dead processes.

    Raises:
        StoreError: the store or the index cannot be created, read or written.
    """
    place = StoreLocation.at(place)
    hidden = place.hidden
    partials = Partials(hidden)
    with (
        open_store(place) as (store, index),
        StagingFolder(hidden / "staging", lambda folder: recover(store, index, partials, folder)) as staging,
    ):
        try:
            # A killed process may have recorded them in the index only.
            write_withdrawals(store, index, index.unwritten())
            yield OpenStore(store, index, staging, partials)
        except StoreError:
            if not isinstance(place.objects, Path):
                staging.abandon()  # staged bodies are published when the bucket is reachable again
            raise
        finally:
            try:
                _close(store)
            except StoreError:
                # The next run repeats it.
                staging.abandon()
                raise


def _close(store: Store) -> None:
    try:
        store.close()
    except OSError as error:
        raise StoreError.of(error, store.name) from error


def reindex(place: Path | StoreLocation) -> Verification:
    """Rebuild the index of a store from its manifests, without damaged objects.

    Raises:
        StoreError: the store or the index cannot be read or written.
    """
    place = StoreLocation.at(place)
    index, verification = _open_index(place, place.store(), anew=True)
    index.close()
    assert verification is not None, "a rebuild verifies the store"
    return verification


def _open_index(place: StoreLocation, store: Store, *, anew: bool = False) -> tuple[Index, Verification | None]:
    """Open the index; also return the result of the verification if the index had to be built."""
    verification: Verification | None = None

    def build(index: Index) -> None:
        # Without an index nothing vouches for an object, so it is hashed.
        nonlocal verification
        found = verify(store)
        unwritten = index.unwritten()
        store.withdraw(unwritten)
        index.rebuild(found.sound, [*found.withdrawals, *unwritten])
        verification = found

    def warn(damage: DamagedIndexError, kept: Path) -> None:
        rebuilt = "the next run rebuilds the index from the manifests"
        if verification is not None:
            rebuilt = f"the index was rebuilt from {verification.manifests:,} manifests"
        _log.warning("%s: %s; the file is kept as %s, and %s", damage.path, damage.reason, kept, rebuilt)

    try:
        index = open_index(place.index or place.hidden / INDEX, build, anew=anew, on_damage=warn)
    except OSError as error:
        raise StoreError.of(error, place.name) from error
    return index, verification


def open_index(
    place: Path | str,
    build: Callable[[Index], None],
    *,
    anew: bool = False,
    on_damage: Callable[[DamagedIndexError, Path], None] = lambda _error, _kept: None,
) -> Index:
    """Open the index at a place, and build it if it is missing; safe for concurrent processes.

    Args:
        place: a file for SQLite, or a URL `postgresql://…` for PostgreSQL.
        build: called to fill a new index, by one process at a time.
        anew: rebuild an existing index too.
        on_damage: called when a damaged file was replaced, with its error and the path that it was moved to, also if
            the new index cannot be built.

    Raises:
        StoreError: it cannot be opened or built, or the URL is of a different kind.
        OSError: the folder of the file cannot be created or written.
    """
    if isinstance(place, Path):
        return _in_file(place, build, on_damage, anew=anew)
    if place.startswith(_SCHEMES):
        return _on_server(place, build, anew=anew)
    # An invalid URL may contain a password, too.
    raise StoreError("index", f"expected a URL that begins with {_SCHEMES[0]}, found a different one")


def _in_file(
    path: Path, build: Callable[[Index], None], on_damage: Callable[[DamagedIndexError, Path], None], *, anew: bool
) -> Index:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only one of several processes that find no index may build it.
    with FileLock(f"{path}.lock"):
        try:
            return _built(SqliteIndex(path), build, anew=anew)
        except DamagedIndexError as error:
            for file in path.parent.glob(f"{path.name}*"):
                if file.suffix != ".lock":
                    file.replace(file.with_name(f"damaged-{file.name}"))
            try:
                return _built(SqliteIndex(path), build, anew=anew)
            finally:
                on_damage(error, path.with_name(f"damaged-{path.name}"))


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
