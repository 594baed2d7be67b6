"""The content store in a folder: every object is stored once, under its digest, and appears atomically.

    <root>/<source>/<hex[:2]>/<hex>/<file name>
                                    <file name>.manifest.json               the first URL with these bytes
                                    <file name>.<8 hex>.manifest.json       each further URL
    <root>/.withdrawn/<source>/<hex of the URL>.json                        a withdrawn URL: see `withdrawal`
    <root>/.airnub/                 staging, partial files and the index; not a valid source name

Bytes and manifest are durable before their folder is renamed to its digest: in their files or, if they are small, in a
log (`write_ahead_log`). So a visible object is complete, except after a power loss until the next process that opens
the store has written it again from the log.
"""

import errno
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import ClassVar

from airnub_common import ALGORITHM, digest_of, write_atomic
from airnub_core.errors import DamagedManifestError, StoreError
from airnub_core.store.base import PIECE, PublishResult, Store, failure_of
from airnub_core.store.durability import make_durable, sync_each, with_parents
from airnub_core.store.layout import HIDDEN, SUFFIX, Staged, object_path
from airnub_core.store.manifest import Manifest
from airnub_core.store.recovery import write_intent_log
from airnub_core.store.withdrawal import FOLDER, Withdrawal
from airnub_core.store.write_ahead_log import LOGS, continued, logs_in

LEFT = 1000
"""Objects; if more of them are durable only by write-ahead logs at the end of a run, the logs stay and the next run
syncs them (`durability`). benchmarks/README.md has the time that this saves.
"""
NOT_EMPTY = frozenset({errno.EEXIST, errno.ENOTEMPTY})
"""Error numbers of a rename onto a folder that is not empty; systems differ."""
_NAMES = 10_000
"""Folders whose object names a process caches."""
_CONTINUED = 4
"""Full write-ahead logs, of 64 MiB each, that may accumulate before a sync makes them obsolete."""


class ContentStore(Store):
    """A `Store` in a folder; paths in and out of its methods are relative to `root`, with `/`."""

    takes_logs: ClassVar[bool] = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = str(root)
        self._publishing = threading.Lock()
        self._lists = 0
        self._home: str | None = None
        """The staging folder of the process whose bodies are published."""
        self._kept: list[str] = []
        """Intent logs and staged folders that are needed until the renames of their batch are durable."""
        self._renamed: list[str] = []
        """Folders whose names are not durable yet."""
        self._claimed: dict[Path, None] = {}
        """Manifests of further URLs, and their objects, that are not durable yet."""
        self._in_logs = 0
        """Objects that are durable in write-ahead logs alone."""
        self._known_logs: list[str] = []
        """Write-ahead logs whose names are durable."""
        self._without_log: set[str] = set()
        """Staged folders that are durable, and whose log may have gone."""
        self._object_names: dict[Path, str] = {}
        """Object names by folder, cached for further URLs with the same bytes, so that folders are not listed again."""

    @property
    def hidden(self) -> Path:
        """The hidden folder: staging, partial files and the index."""
        return self.root / HIDDEN

    def publish(self, batch: Sequence[Staged]) -> list[PublishResult | StoreError]:
        if not batch:
            return []
        with self._publishing:
            home = self._home = batch[0].home
            logs = logs_in(home)
            in_logs = {staged.folder for staged in batch if staged.is_logged} - self._without_log
            logged = len(in_logs) == len(batch) and len(continued(logs)) < _CONTINUED
            if logged:
                self._sync_logs(home, logs)
                self._in_logs += len(batch)
            else:
                self._lists += 1
                intent_log = str(write_intent_log(home, self._lists, batch))
                self._sync(home, chain(with_parents((staged.folder for staged in batch), above=1), (intent_log, home)))
                self._kept.append(intent_log)
            results: list[PublishResult | StoreError] = []
            for staged in batch:
                try:
                    results.append(self._place(staged, logged=logged))
                except (OSError, StoreError) as error:
                    results.append(failure_of(error, f"{self.name}/{staged.source}"))
            return results

    def make_durable(self, paths: Iterable[str]) -> None:
        make_durable(self.root, with_parents(self._folders(paths), above=3))

    def _folders(self, paths: Iterable[str]) -> Iterator[str]:
        return (f"{self.name}/{path.rpartition('/')[0]}" for path in paths)

    def close(self) -> None:
        """Make all renames durable and remove the logs that could repeat them; with very many objects the logs stay.

        Raises:
            OSError: the sync failed.
        """
        with self._publishing:
            if self._home is not None and (self._kept or self._in_logs) and self._in_logs <= LEFT:
                self._sync(self._home, [], closing=True)

    def _sync_logs(self, home: str, logs: list[str]) -> None:
        # Only the folders: closing any handle of SQLite's files would release this process's locks on them.
        folders = with_parents([f"{home}/{LOGS}"], above=4) if logs != self._known_logs else ()
        sync_each(logs, folders)
        self._known_logs = logs

    def _sync(self, home: str, paths: Iterable[str | Path], *, closing: bool = False) -> None:
        """Make `paths` and all that was published or staged before durable, and remove the logs that this replaces.

        Logs that a process may still append to stay.
        """
        logs = logs_in(home)
        needless = logs if closing else continued(logs)
        if needless:
            self._without_log = {str(path.parent) for path in Path(home).glob(f"*/*/*{SUFFIX}")}
        staged = with_parents(self._without_log if needless else (), above=1)
        # Only the new files in these folders: one folder may hold the manifests of very many URLs.
        entries = with_parents((str(file.parent) for file in self._claimed), above=3)
        files = chain(paths, with_parents(self._folders(self._renamed), above=3), logs, staged, self._claimed)
        make_durable(self.root, files, entries)
        self._renamed.clear()
        self._claimed.clear()
        self._in_logs = 0
        for path in map(Path, chain(self._kept, needless)):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        self._kept.clear()

    def _place(self, staged: Staged, *, logged: bool) -> PublishResult:
        path = object_path(staged.source, staged.hex_digits, staged.file_name)
        folder = f"{self.name}/{path.rpartition('/')[0]}"
        try:
            try:
                os.rename(staged.folder, folder)  # noqa: PTH104  # called per file; Path would double the time
            except FileNotFoundError:
                os.makedirs(folder.rpartition("/")[0], exist_ok=True)  # noqa: PTH103
                os.rename(staged.folder, folder)  # noqa: PTH104
        except OSError as error:
            if error.errno not in NOT_EMPTY:
                raise
            return self._claim(staged, Path(folder), logged=logged)
        self._renamed.append(path)  # the text that the outcome has, since very many may wait for a sync
        return PublishResult(path, path + SUFFIX, new=True)

    def has(self, path: str, size: int) -> bool:
        try:
            return os.stat(f"{self.name}/{path}").st_size == size  # noqa: PTH116  # called per known file
        except OSError:
            return False

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> None:
        try:
            written = list(map(self._write_withdrawal, withdrawals))
            sync_each(written, with_parents((str(path.parent) for path in written), above=2))
        except OSError as error:
            raise StoreError.of(error, self.root / FOLDER) from error

    def remove(self, path: str) -> None:
        """Remove an object or a manifest, and the folders that are empty without it."""
        file = self.root / path
        try:
            file.unlink(missing_ok=True)
            remove_empty(folder for folder in file.parents[:3] if folder != self.root)
        except OSError as error:
            raise StoreError.of(error, file) from error

    def _claim(self, staged: Staged, folder: Path, *, logged: bool) -> PublishResult:
        """Add a manifest for a URL whose bytes the store already has; damaged bytes and manifests are replaced."""
        digest = f"{ALGORITHM}:{staged.hex_digits}"
        arrived = Path(staged.folder)
        existing, is_whole = self._object_in(folder, staged.file_name, digest)
        if not is_whole:
            (arrived / staged.file_name).replace(folder / existing)
        path = object_path(staged.source, staged.hex_digits, existing)
        manifest = replace(Manifest.read(arrived / (staged.file_name + SUFFIX)), path=path, file_name=existing)
        for suffix in (SUFFIX, f".{staged.url_digest[:8]}{SUFFIX}"):
            place = folder / (existing + suffix)
            try:
                known = Manifest.read(place)
            except DamagedManifestError:
                # Missing, or damaged and so useless.
                _replace(place, manifest, arrived)
                self._remove_damaged_claim(folder / (existing + f".{staged.url_digest[:8]}{SUFFIX}"), place)
            else:
                if known.url_digest != staged.url_digest:
                    continue
                if self._is_withdrawn(known):
                    _replace(place, manifest, arrived)
            # Until its place in the store is durable, recovery needs the log or the staged folder.
            if logged:
                shutil.rmtree(arrived, ignore_errors=True)
            else:
                self._kept.append(staged.folder)
            self._claimed |= {folder / existing: None, place: None}
            return PublishResult(path, place.relative_to(self.root).as_posix(), new=False)
        raise DamagedManifestError(
            str(place), "short-hash collision: two URLs share the first 8 digits of their digest"
        )

    def _content(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def _pieces(self, path: str) -> Iterator[bytes]:
        with (self.root / path).open("rb") as file:
            while piece := file.read(PIECE):
                yield piece

    def _paths(self, source: str | None = None, ending: str = "") -> Iterator[str]:
        for path in sorted(self.root.glob(f"{source or '[!.]*'}/??/*/*{ending}")):
            if path.name.endswith(SUFFIX) or (not path.name.startswith(".") and path.is_file()):
                yield path.relative_to(self.root).as_posix()

    def _withdrawal_paths(self) -> Iterator[str]:
        return (path.relative_to(self.root).as_posix() for path in sorted(self.root.glob(f"{FOLDER}/*/[!.]*")))

    def _write_withdrawal(self, withdrawal: Withdrawal) -> Path:
        """Write a withdrawal unless a later one exists; return its path, since even that may not be durable yet."""
        path = self.root / withdrawal.path
        if self._is_newer(withdrawal):
            write_atomic(path, withdrawal.as_bytes())
        return path

    @staticmethod
    def _remove_damaged_claim(own: Path, place: Path) -> None:
        """Remove a URL's damaged own manifest after the URL has taken the first manifest of the object."""
        if own == place or not own.exists():
            return
        try:
            Manifest.read(own)
        except DamagedManifestError:
            own.unlink()

    def _object_in(self, folder: Path, file_name: str, digest: str) -> tuple[str, bool]:
        """The file name of the object in a folder, and whether its bytes exist and match the digest.

        The folder is listed only if neither the cached name nor `file_name` has the right bytes: a listing takes time
        for each manifest in it, and many URLs may bring the same bytes.
        """
        for name in dict.fromkeys((self._object_names.get(folder, file_name), file_name)):
            with suppress(FileNotFoundError):
                if digest_of(folder / name) == digest:
                    return name, True
        names = [
            path.name for path in folder.iterdir() if not path.name.endswith(SUFFIX) and not path.name.startswith(".")
        ]
        if len(self._object_names) >= _NAMES:
            self._object_names.clear()
        name = self._object_names[folder] = min(names, default=file_name)
        return name, bool(names) and digest_of(folder / name) == digest


def _replace(place: Path, manifest: Manifest, arrived: Path) -> None:
    """Write a manifest atomically: into the staged folder first, then by a rename."""
    whole = arrived / f"claim{SUFFIX}"
    whole.write_bytes(manifest.as_bytes())
    whole.replace(place)


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders in order, up to the first that is not empty. They are not listed, since one may be very large.

    Raises:
        OSError: a folder cannot be removed for a different reason.
    """
    for folder in folders:
        try:
            folder.rmdir()
        except OSError as error:
            if error.errno not in NOT_EMPTY:
                raise
            return
