"""The stager: the one place that stages a body, which is hashed and written with its manifest beside it."""

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
    """Stages bodies: each alone in a folder that can be published, its bytes hashed, its manifest beside them."""

    def __init__(self, staging: Path, prefix: str, *, is_logged: bool = False) -> None:
        """Make a folder in the staging folder; others may stage beside it.

        Args:
            staging: the folder of a process, absolute.
            prefix: the name of the folder that is made in it, with a number behind it where that is taken.
            is_logged: whether bodies that are in memory are written into a write-ahead log too.

        Raises:
            StoreError: the store was removed.
        """
        try:
            self._prefix = _new_folder(staging, prefix)
            self.folder = f"{staging}/{self._prefix}"
            """Absolute."""
            self._handle = os.open(self.folder, os.O_RDONLY)
        except OSError as error:
            raise StoreError.of(error, staging) from error
        self._log = WriteAheadLog(staging, self._prefix) if is_logged else None
        self._numbers = count(1)

    def new_folder(self) -> str:
        """A path for a file that is staged with `stage_file`; absolute, not made yet."""
        return f"{self.folder}/{next(self._numbers)}"

    def stage(self, content: bytes, received: Received, original: str, derived_from: tuple[str, ...] = ()) -> Staged:
        """Stage a body that is in memory.

        Args:
            content: all of it.
            received: what its manifest says of it.
            original: its name, as the server wrote it.
            derived_from: digests of the objects that it was made from.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        folder, name, size = str(next(self._numbers)), object_name(original), len(content)
        hex_digits = sha256(content).hexdigest()
        manifest = _manifest(received, name, original, size, hex_digits, derived_from)
        # Relative to a handle: the way from the root is long, and would be walked three times a file.
        os.mkdir(folder, dir_fd=self._handle)
        self._write(f"{folder}/{name}", content)
        self._write(f"{folder}/{name}{SUFFIX}", manifest)
        if self._log is not None:
            self._log.add(f"{self._prefix}/{folder}", manifest, content)
        asked = received.request
        staged = f"{self.folder}/{folder}"
        return Staged(staged, asked.source, name, hex_digits, size, asked.url_digest, self._log is not None)

    def stage_file(self, folder: str, size: int, hex_digits: str, received: Received, original: str) -> Staged:
        """Stage a body that is whole in the file `body` of a folder, and hashed; other arguments as for `stage`.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        name = object_name(original)
        drop_resume_info(Path(folder))  # before the body has its name, which may be that of the note
        os.rename(f"{folder}/{BODY}", f"{folder}/{name}")  # noqa: PTH104
        self._write(f"{folder}/{name}{SUFFIX}", _manifest(received, name, original, size, hex_digits, ()))
        return Staged(folder, received.request.source, name, hex_digits, size, received.request.url_digest)

    def flush(self) -> None:
        """What was staged until now is in the log when this returns.

        Raises:
            StoreError: the disk did not take it.
        """
        if self._log is not None:
            try:
                self._log.flush()
            except OSError as error:
                raise StoreError.of(error, self.folder) from error

    def close(self) -> None:
        """Nothing more is staged."""
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


def _manifest(
    received: Received, name: str, original: str, size: int, hex_digits: str, derived_from: tuple[str, ...]
) -> bytes:
    return Manifest.of(
        received, hex_digits=hex_digits, size=size, file_name=name, original=original, derived_from=derived_from
    ).as_bytes()


def _new_folder(staging: Path, prefix: str) -> str:
    name, number = prefix, 1
    while True:
        try:
            os.mkdir(f"{staging}/{name}")  # noqa: PTH102
        except FileExistsError:
            number += 1
            name = f"{prefix}{number}"
        else:
            return name
