"""Recovery: what a dead process left whole is taken up, so that nothing is fetched twice."""

from pathlib import Path

from airnub_common import digest_of, hex_of
from airnub_core.errors import DamagedManifestError, DamagedObjectError, StoreError
from airnub_core.store.index import Index, Known
from airnub_core.store.manifest import Manifest
from airnub_core.store.partials import Partials
from airnub_core.store.protocol import Store
from airnub_core.store.redo import read_redo_lists
from airnub_core.store.staged import SUFFIX, Staged, object_path


def recover(store: Store, index: Index, partials: Partials, folder: Path) -> None:
    """Take up the staging folder of a dead process: publish what is whole, tell the index, park what is worth resuming.

    Args:
        store: where to.
        index: learns what it missed.
        partials: where partial files wait.
        folder: of the dead process, locked by the caller; whatever is left in it afterwards can go.

    Raises:
        StoreError, OSError: the store cannot be written.
    """
    published = [staged for staged in read_redo_lists(folder) if not Path(staged.folder).exists()]
    waiting: list[Staged] = []
    for entry in sorted(folder.iterdir()):
        if not entry.is_dir() or partials.park(entry):
            continue
        staged = _whole(entry)
        if staged is not None:
            waiting.append(staged)
    rows = []
    for one in store.publish(waiting):
        if isinstance(one, StoreError):
            raise one
        if (row := _row(store, one.manifest_path)) is not None:
            rows.append(row)
    for staged in published:
        row = _row(store, object_path(staged.source, staged.hex_digits, staged.file_name) + SUFFIX)
        if row is not None and row.url_digest == staged.url_digest:
            rows.append(row)
    index.record(_news(index, rows))


def _whole(folder: Path) -> Staged | None:
    """What is staged in a folder, where bytes and manifest are there and fit; a crash may have cut either."""
    for path in folder.glob(f"*{SUFFIX}"):
        file_name = path.name.removesuffix(SUFFIX)
        try:
            manifest = Manifest.read(path)
        except DamagedManifestError:
            return None
        body = folder / file_name
        if manifest.file_name == file_name and body.is_file() and digest_of(body) == manifest.digest:
            digits = hex_of(manifest.digest)
            return Staged(
                str(folder.absolute()), manifest.source, file_name, digits, manifest.size, manifest.url_digest
            )
    return None


def _row(store: Store, manifest_path: str) -> Known | None:
    """What the index should know of a published object, which is hashed before it is believed."""
    try:
        manifest = store.manifest(manifest_path)
        digest, _ = store.digest(manifest.path)
    except (DamagedManifestError, DamagedObjectError):
        return None  # `store verify` names it; the next transfer of its URL replaces it
    return Known.of(manifest, manifest_path) if digest == manifest.digest else None


def _news(index: Index, rows: list[Known]) -> list[Known]:
    """Those that are newer than what the index knows of their URLs."""
    news: list[Known] = []
    for row in rows:
        known = index.lookup(row.source, [row.url_digest]).get(row.url_digest)
        if known is None or known.changed_at < row.changed_at:
            news.append(row)
    return news
