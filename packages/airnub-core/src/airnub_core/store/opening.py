"""Opening a store: its folder and its index together, the index rebuilt where it is missing or damaged."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from airnub_core.errors import DamagedIndexError, StoreError
from airnub_core.store.content_store import ContentStore
from airnub_core.store.index import Index, SqliteIndex
from airnub_core.store.verification import Verification, verify

INDEX = "index.sqlite"


@contextmanager
def open_store(root: Path) -> Iterator[tuple[ContentStore, Index]]:
    """The store in the folder `root`, created when it is missing, and its index.

    Raises:
        StoreError: the folder cannot be created or written.
    """
    store = ContentStore(root)
    index, _ = _open_index(store)
    try:
        yield store, index
    finally:
        index.close()


def reindex(root: Path) -> Verification:
    """Build the index of a store anew from its manifests; objects that are damaged are left out of it.

    Raises:
        StoreError: the store cannot be read or written.
    """
    index, verification = _open_index(ContentStore(root), anew=True)
    index.close()
    assert verification is not None, "an index that is built anew is verified"
    return verification


def _open_index(store: ContentStore, *, anew: bool = False) -> tuple[SqliteIndex, Verification | None]:
    path = store.hidden / INDEX
    try:
        store.hidden.mkdir(parents=True, exist_ok=True)
        # Two processes that find no index must not both build it.
        with FileLock(f"{path}.lock"):
            try:
                return _built(store, SqliteIndex(path), anew=anew)
            except DamagedIndexError:
                for file in path.parent.glob(f"{INDEX}*"):
                    if file.suffix != ".lock":
                        file.replace(file.with_name(f"damaged-{file.name}"))
                return _built(store, SqliteIndex(path), anew=anew)
    except OSError as error:
        raise StoreError.of(error, store.root) from error


def _built(store: ContentStore, index: SqliteIndex, *, anew: bool) -> tuple[SqliteIndex, Verification | None]:
    """The index, built from the manifests where it is not yet, or is to be again; then with what was found."""
    try:
        if index.is_built and not anew:
            return index, None
        # An object that no index knows is hashed before it is believed: a power loss may have cut it.
        verification = verify(store)
        index.rebuild(verification.sound)
    except BaseException:
        index.close()
        raise
    return index, verification
