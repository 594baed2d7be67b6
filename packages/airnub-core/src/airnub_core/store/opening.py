"""Opening a store: its folder and its index together, the index rebuilt where it is missing or damaged."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from airnub_core.errors import StoreError
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
    try:
        index = _open_index(store)
    except OSError as error:
        raise StoreError.of(error, root) from error
    try:
        yield store, index
    finally:
        index.close()


def reindex(root: Path) -> Verification:
    """Build the index of a store anew from its manifests; objects that are damaged are left out of it.

    Raises:
        StoreError: the store cannot be read or written.
    """
    store = ContentStore(root)
    try:
        index = _open_index(store)
        try:
            return _rebuild(store, index)
        finally:
            index.close()
    except OSError as error:
        raise StoreError.of(error, root) from error


def _open_index(store: ContentStore) -> SqliteIndex:
    store.hidden.mkdir(parents=True, exist_ok=True)
    path = store.hidden / INDEX
    # Two processes that find no index must not both build it.
    with FileLock(f"{path}.lock"):
        try:
            index = SqliteIndex(path)
        except sqlite3.DatabaseError:
            for file in path.parent.glob(f"{INDEX}*"):
                if file.suffix != ".lock":
                    file.replace(file.with_name(f"damaged-{file.name}"))
            index = SqliteIndex(path)
        if not index.is_built:
            _rebuild(store, index)
    return index


def _rebuild(store: ContentStore, index: SqliteIndex) -> Verification:
    """An object that no index knows is hashed before it is believed: a power loss may have cut it."""
    verification = verify(store)
    index.rebuild(verification.sound)
    return verification
