"""Opening a store: its objects and its index together, the index rebuilt where it is missing or damaged."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airnub_core.errors import StoreError
from airnub_core.store.fsck import Verification, verify
from airnub_core.store.index import Index, open_index
from airnub_core.store.location import StoreLocation
from airnub_core.store.manifest import Manifest
from airnub_core.store.partials import Partials
from airnub_core.store.protocol import Store
from airnub_core.store.recovery import recover
from airnub_core.store.staging import Staging
from airnub_core.store.withdrawal import Withdrawal

INDEX = "index.sqlite"


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
    place = place if isinstance(place, StoreLocation) else StoreLocation(place)
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
    place = place if isinstance(place, StoreLocation) else StoreLocation(place)
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


def write_withdrawals(store: Store, index: Index, withdrawals: Sequence[Withdrawal]) -> None:
    """Write withdrawals that the index has into the store, and note in the index that the store has them.

    Raises:
        StoreError: the store or the index cannot be written.
    """
    if not withdrawals:
        return
    try:
        store.withdraw(withdrawals)
    except OSError as error:
        raise StoreError.of(error, store.name) from error
    index.written(withdrawals)


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
    place = place if isinstance(place, StoreLocation) else StoreLocation(place)
    index, verification = _open_index(place, place.store(), anew=True)
    index.close()
    assert verification is not None, "an index that is built anew is verified"
    return verification


def _open_index(place: StoreLocation, store: Store, *, anew: bool = False) -> tuple[Index, Verification | None]:
    """The index, and what was found when it had to be built."""
    verification: Verification | None = None

    def sound() -> dict[str, Manifest]:
        # An object that no index knows is hashed before it is believed.
        nonlocal verification
        verification = verify(store)
        return verification.sound

    def withdrawn(unwritten: Sequence[Withdrawal]) -> Sequence[Withdrawal]:
        store.withdraw(unwritten)
        return [*(verification.withdrawals if verification else ()), *unwritten]

    try:
        index = open_index(place.index or place.hidden / INDEX, sound, withdrawn, anew=anew)
    except OSError as error:
        raise StoreError.of(error, place.name) from error
    return index, verification
