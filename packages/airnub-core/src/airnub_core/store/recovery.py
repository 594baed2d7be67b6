"""Recovery: what a dead process left whole is taken up, so that nothing is fetched twice.

A batch is published by renaming its staged folders. Before the first rename, one sync brings them and the intent log of
the batch, the list of what is about to be published, to the disk; so whatever is visible is whole, and whatever a power
loss takes back of the renames, the next run renames again. Small bodies are in a write-ahead log instead.
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from airnub_common import digest_of, hex_of
from airnub_core.errors import DamagedManifestError, DamagedObjectError, StoreError
from airnub_core.store.durability import is_untouched, make_durable
from airnub_core.store.index import Index, IndexRow
from airnub_core.store.layout import SUFFIX, Staged, object_path
from airnub_core.store.manifest import Manifest
from airnub_core.store.partials import Partials
from airnub_core.store.protocol import Store
from airnub_core.store.write_ahead_log import LogEntry, logs_in, read_log

_INTENT_LOGS = "redo-*.json"
_AGAIN = "again"
"""Where what is only in a log is staged once more, in the folder of the dead process."""


def recover(store: Store, index: Index, partials: Partials, folder: Path) -> None:
    """Take up the staging folder of a dead process: publish and index what is whole, park what is worth resuming.

    Args:
        store: where to.
        index: learns what it missed.
        partials: where partial files wait.
        folder: of the dead process, locked by the caller; whatever is left in it afterwards can go.

    Raises:
        StoreError, OSError: the store cannot be written.
    """
    if is_untouched(folder):
        make_durable(folder, [])
        return
    waiting = [staged for staged in map(_whole, _staged_in(folder, partials)) if staged is not None]
    published = [staged for staged in read_intent_logs(folder) if not Path(staged.folder).exists()]
    rows = [row for staged in published if (row := _row(store, staged)) is not None]
    there = {staged.folder for staged in waiting}
    for log in logs_in(folder):
        for number, logged in enumerate(read_log(log)):
            again = folder / _AGAIN / f"{log.stem}.{number}"
            if there & {f"{folder.absolute()}/{logged.folder}", str(again.absolute())}:
                continue
            staged = _staged_as(logged, again)
            if staged is None:
                continue
            if (row := _row(store, staged)) is not None:
                rows.append(row)
            else:
                _write_again(staged, logged)
                waiting.append(staged)
    # Before more is published, which may make their logs needless.
    _record(index, store, rows)
    rows.clear()
    for one in store.publish(waiting):
        if isinstance(one, StoreError):
            raise one
        if (row := _row_at(store, one.manifest_path)) is not None:
            rows.append(row)
    # What was kept for the case of a crash goes when this returns.
    _record(index, store, rows)


def write_intent_log(folder: Path, number: int, batch: Iterable[Staged]) -> Path:
    """Write the list of a batch into its staging folder; its path.

    Lists that are there stay: those of a dead process are needed until the index knows of all that they name, and the
    process that recovers them may die too.

    Raises:
        OSError: the disk is full, or the store was removed.
    """
    while (path := folder / f"redo-{number}.json").is_file():
        number += 1
    path.write_text(json.dumps(list(batch)), encoding="utf-8")
    return path


def read_intent_logs(folder: Path) -> Iterator[Staged]:
    """What the lists in the staging folder of a dead process name.

    A list that a crash has cut names nothing: nothing of it was published then.
    """
    for path in sorted(folder.glob(_INTENT_LOGS)):
        try:
            entries = json.loads(path.read_bytes())
            yield from [Staged(*entry) for entry in entries]
        except (ValueError, TypeError):
            continue


def _staged_in(folder: Path, partials: Partials) -> Iterator[Path]:
    for entry in sorted(folder.glob("*/*/")):
        if not partials.park(entry):
            yield entry


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


def _staged_as(logged: LogEntry, folder: Path) -> Staged | None:
    """What was logged, as if it was staged in a folder; `None` where a crash has cut it."""
    try:
        manifest = Manifest.parse(logged.manifest, str(folder))
    except DamagedManifestError:
        return None
    if digest_of(logged.content) != manifest.digest:
        return None
    digits = hex_of(manifest.digest)
    place = str(folder.absolute())
    return Staged(place, manifest.source, manifest.file_name, digits, manifest.size, manifest.url_digest)


def _write_again(staged: Staged, logged: LogEntry) -> None:
    folder = Path(staged.folder)
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed while it recovered
    folder.mkdir(parents=True)
    (folder / staged.file_name).write_bytes(logged.content)
    (folder / (staged.file_name + SUFFIX)).write_bytes(logged.manifest)


def _row(store: Store, staged: Staged) -> IndexRow | None:
    """What the index should know of what was published, where its place is still its own, and whole."""
    row = _row_at(store, object_path(staged.source, staged.hex_digits, staged.file_name) + SUFFIX)
    return row if row is not None and row.url_digest == staged.url_digest else None


def _row_at(store: Store, manifest_path: str) -> IndexRow | None:
    """What the index should know of a published object, which is hashed before it is believed."""
    try:
        manifest = store.manifest(manifest_path)
        digest, _ = store.digest(manifest.path)
    except (DamagedManifestError, DamagedObjectError):
        return None  # `store verify` names it; the next transfer of its URL replaces it
    return IndexRow.of(manifest, manifest_path) if digest == manifest.digest else None


def _record(index: Index, store: Store, rows: list[IndexRow]) -> None:
    if rows:
        store.make_durable(row.path for row in rows)
        # Nothing was looked up: what other runs have recorded since counts as it does for every answer.
        index.record(rows)
