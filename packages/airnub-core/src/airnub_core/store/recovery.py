"""Recovery: publish and index the complete bodies that a dead process left, so that they are not fetched again.

Partial downloads that can be resumed are moved to `partials`. The rest of the staging folder, such as incomplete
bodies, is removed with it; `staging_folder` calls this module before each run, and removes the folder.

A batch is published by renaming its staged folders. Before the first rename, one sync makes them durable together with
the intent log, the list of bodies in the batch. So every visible object is complete, and the next run repeats renames
that a power loss has undone. Small bodies are in a write-ahead log instead.
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from airnub_common import digest_of, hex_of
from airnub_core.errors import DamagedManifestError, DamagedObjectError, StoreError
from airnub_core.store.base import Store
from airnub_core.store.durability import is_untouched, make_durable
from airnub_core.store.index import Index, IndexRow
from airnub_core.store.layout import SUFFIX, Staged, object_path
from airnub_core.store.manifest import Manifest
from airnub_core.store.partials import Partials
from airnub_core.store.write_ahead_log import LogEntry, logs_in, read_log

_INTENT_LOGS = "redo-*.json"
_AGAIN = "again"
"""Subfolder of a dead process's folder in which bodies from a log are staged again."""


def recover(store: Store, index: Index, partials: Partials, folder: Path) -> None:
    """Recover the staging folder of a dead process: publish and index complete bodies, park resumable partial files.

    Args:
        store: the store that bodies are published to.
        index: the index that records them.
        partials: the partial files of the store.
        folder: the folder of the dead process, locked by the caller.

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
            again = folder / _AGAIN / f"{Path(log).stem}.{number}"
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
    # Recorded before the next publish, which may remove their logs.
    _record(index, store, rows)
    rows.clear()
    for one in store.publish(waiting):
        if isinstance(one, StoreError):
            raise one
        if (row := _row_at(store, one.manifest_path)) is not None:
            rows.append(row)
    # Recorded before returning, since the caller then removes the folder with its logs.
    _record(index, store, rows)


def write_intent_log(folder: str, number: int, batch: Iterable[Staged]) -> Path:
    """Write the intent log of a batch into its staging folder, and return its path.

    Existing intent logs are not overwritten: those of a dead process are needed until the index has all their entries,
    and the recovering process may die too.

    Raises:
        OSError: the disk is full, or the store was removed.
    """
    while (path := Path(folder, f"redo-{number}.json")).is_file():
        number += 1
    path.write_text(json.dumps(list(batch)), encoding="utf-8")
    return path


def read_intent_logs(folder: Path) -> Iterator[Staged]:
    """Read the bodies listed by the intent logs in the staging folder of a dead process.

    A truncated intent log is skipped: its batch was not published.
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
    """The staged body in a folder, if bytes and manifest exist and match; a crash may have truncated either."""
    for path in folder.glob(f"*{SUFFIX}"):
        file_name = path.name.removesuffix(SUFFIX)
        try:
            manifest = Manifest.read(path)
        except DamagedManifestError:
            return None
        body = folder / file_name
        if manifest.file_name == file_name and body.is_file() and digest_of(body) == manifest.digest:
            return _staged(manifest, folder)
    return None


def _staged_as(logged: LogEntry, folder: Path) -> Staged | None:
    """A log entry as if staged in `folder`; `None` if a crash has truncated the entry."""
    try:
        manifest = Manifest.parse(logged.manifest, str(folder))
    except DamagedManifestError:
        return None
    if digest_of(logged.content) != manifest.digest:
        return None
    return _staged(manifest, folder)


def _staged(manifest: Manifest, folder: Path) -> Staged:
    place, digits = str(folder.absolute()), hex_of(manifest.digest)
    return Staged(place, manifest.source, manifest.file_name, digits, manifest.size, manifest.url_digest)


def _write_again(staged: Staged, logged: LogEntry) -> None:
    folder = Path(staged.folder)
    shutil.rmtree(folder, ignore_errors=True)  # left by a process that was killed during recovery
    folder.mkdir(parents=True)
    (folder / staged.file_name).write_bytes(logged.content)
    (folder / (staged.file_name + SUFFIX)).write_bytes(logged.manifest)


def _row(store: Store, staged: Staged) -> IndexRow | None:
    """The index row of a staged body that was published, if its manifest is still of this URL and the bytes match."""
    row = _row_at(store, object_path(staged.source, staged.hex_digits, staged.file_name) + SUFFIX)
    return row if row is not None and row.url_digest == staged.url_digest else None


def _row_at(store: Store, manifest_path: str) -> IndexRow | None:
    """The index row of a published object; the object is hashed first, and `None` is returned if it is damaged."""
    try:
        manifest = store.manifest(manifest_path)
        digest, _ = store.digest(manifest.path)
    except (DamagedManifestError, DamagedObjectError):
        return None  # `store verify` reports the damage; the next download of the URL replaces the object
    return IndexRow.of(manifest, manifest_path) if digest == manifest.digest else None


def _record(index: Index, store: Store, rows: list[IndexRow]) -> None:
    if rows:
        store.make_durable(row.path for row in rows)
        # No lookup is needed: the index merges rows with those of other runs, as for any response.
        index.record(rows)
