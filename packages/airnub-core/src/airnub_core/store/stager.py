"""Stager: hash a body and write it with its manifest into a staged folder, which the store can publish."""

import os
from hashlib import sha256
from itertools import count
from pathlib import Path

from airnub_core.errors import StoreError
from airnub_core.store.layout import SUFFIX, Staged, object_name
from airnub_core.store.manifest import Manifest, Received
from airnub_core.store.partials import BODY, drop_resume_info
from airnub_core.store.write_ahead_log import WriteAheadLog

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class Stager:
    """Stages bodies, each in a folder of its own, which holds the bytes and their manifest."""

    def __init__(self, staging: Path, prefix: str, *, is_logged: bool = False) -> None:
        """Make a folder in the staging folder of a process; if the name `prefix` is taken, a number is appended.

        If it `is_logged`, bodies from memory are also written to a write-ahead log.

        Raises:
            StoreError: the store was removed.
        """
        try:
            self.folder = _new_folder(f"{staging}/{prefix}")
            """Absolute path of the folder."""
            self._prefix = self.folder.rpartition("/")[2]
            self._handle = os.open(self.folder, os.O_RDONLY)
        except OSError as error:
            raise StoreError.of(error, staging) from error
        self._log = WriteAheadLog(staging, self._prefix) if is_logged else None
        self._numbers = count(1)

    def new_folder(self) -> str:
        """An unused absolute path of a folder for `stage_file`; the caller creates it."""
        return f"{self.folder}/{next(self._numbers)}"

    def stage(self, content: bytes, received: Received, original: str, derived_from: tuple[str, ...] = ()) -> Staged:
        """Stage a body from memory; `original` is its file name, as the server sent it.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        folder, name, size = str(next(self._numbers)), object_name(original), len(content)
        hex_digits = sha256(content).hexdigest()
        manifest = Manifest.of(received, name, original, size, hex_digits, derived_from).as_bytes()
        # Relative to a directory handle, so that the long path is not resolved three times per file.
        os.mkdir(folder, dir_fd=self._handle)
        self._write(f"{folder}/{name}", content)
        self._write(f"{folder}/{name}{SUFFIX}", manifest)
        if self._log is not None:
            self._log.add(f"{self._prefix}/{folder}", manifest, content)
        asked = received.request
        staged = f"{self.folder}/{folder}"
        return Staged(staged, asked.source, name, hex_digits, size, asked.url_digest, self._log is not None)

    def stage_file(self, folder: str, size: int, hex_digits: str, received: Received, original: str) -> Staged:
        """Stage a complete, hashed body from the file `body` of a folder; other arguments as for `stage`.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        name = object_name(original)
        drop_resume_info(Path(folder))  # before the rename, since the object may have the name of this file
        os.rename(f"{folder}/{BODY}", f"{folder}/{name}")  # noqa: PTH104
        self._write(f"{folder}/{name}{SUFFIX}", Manifest.of(received, name, original, size, hex_digits).as_bytes())
        return Staged(folder, received.request.source, name, hex_digits, size, received.request.url_digest)

    def flush(self) -> None:
        """Write all that was staged until now to the log.

        Raises:
            StoreError: the log could not be written.
        """
        if self._log is not None:
            try:
                self._log.flush()
            except OSError as error:
                raise StoreError.of(error, self.folder) from error

    def close(self) -> None:
        """Close the log and the folder; nothing can be staged afterwards."""
        if self._log is not None:
            self._log.close()
        os.close(self._handle)

    def _write(self, path: str, content: bytes) -> None:
        handle = os.open(path, _NEW_FILE, 0o666, dir_fd=self._handle)
        try:
            written = os.write(handle, content)
            while written < len(content):
                written += os.write(handle, content[written:])
        finally:
            os.close(handle)


def _new_folder(wanted: str) -> str:
    folder, number = wanted, 1
    while True:
        try:
            os.mkdir(folder)  # noqa: PTH102
        except FileExistsError:
            number += 1
            folder = f"{wanted}{number}"
        else:
            return folder
