"""Opening an index: one of the two kinds, built from the manifests where it is missing or damaged."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from airnub_core.errors import DamagedIndexError, StoreError
from airnub_core.store.index.protocol import Index
from airnub_core.store.index.sqlite import SqliteIndex
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal

_SCHEMES = ("postgresql://", "postgres://")


Sound = Callable[[], Mapping[str, Manifest]]
Withdrawn = Callable[[Sequence[Withdrawal]], Sequence[Withdrawal]]


def _given(unwritten: Sequence[Withdrawal]) -> Sequence[Withdrawal]:
    return unwritten


def open_index(place: Path | str, sound: Sound, withdrawn: Withdrawn = _given, *, anew: bool = False) -> Index:
    """The index at a place, built when it is not yet; several processes may ask at once.

    Args:
        place: a file, for SQLite; or a URL, `postgresql://…`, for PostgreSQL.
        sound: called when the index is to be built: the manifests, by path, whose objects are whole.
        withdrawn: called after it with the withdrawals that the store may not know of: those, and all that it does.
        anew: build it in any case.

    Raises:
        StoreError: it cannot be opened or built, or the URL is of another kind.
        OSError: the folder of the file cannot be created or written.
    """
    if isinstance(place, Path):
        return _in_file(place, sound, withdrawn, anew=anew)
    if place.startswith(_SCHEMES):
        return _on_server(place, sound, withdrawn, anew=anew)
    # Whatever it is, a password may be in it.
    raise StoreError("index", f"expected a URL that begins with {_SCHEMES[0]}, found another")


def _in_file(path: Path, sound: Sound, withdrawn: Withdrawn, *, anew: bool) -> Index:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes that find no index must not both build it.
    with FileLock(f"{path}.lock"):
        try:
            return _built(SqliteIndex(path), sound, withdrawn, anew=anew)
        except DamagedIndexError:
            for file in path.parent.glob(f"{path.name}*"):
                if file.suffix != ".lock":
                    file.replace(file.with_name(f"damaged-{file.name}"))
            return _built(SqliteIndex(path), sound, withdrawn, anew=anew)


def _on_server(url: str, sound: Sound, withdrawn: Withdrawn, *, anew: bool) -> Index:
    try:
        from airnub_core.store.index.postgres import PostgresIndex
    except ImportError as error:
        raise StoreError("index", f"expected psycopg, found none ({error}); install airnub-core[postgres]") from error
    index = PostgresIndex(url)
    try:
        if index.is_built and not anew:
            return index
        with index.alone():
            return _built(index, sound, withdrawn, anew=anew)
    except BaseException:
        index.close()
        raise


def _built(index: Index, sound: Sound, withdrawn: Withdrawn, *, anew: bool) -> Index:
    try:
        if anew or not index.is_built:
            manifests = sound()
            index.rebuild(manifests, withdrawn(index.unwritten()))
    except BaseException:
        index.close()
        raise
    return index
