"""Partial files: keep the received part of a large file whose transfer was cut, so that the next run resumes it.

    <hidden>/partial/<source>.<first 32 digits of the URL's SHA-256>/body
                                                                     partial.json

`partial.json` contains the number of bytes received and their digest. The bytes are hashed before they are resumed, so
that neither a kill between two writes nor a power loss corrupts a file.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from airnub_core.errors import StoreError

WORTH_RESUMING = 1024 * 1024
"""Smallest partial file in bytes that is kept; fewer bytes are fetched again as fast as they are looked up."""
BODY, NOTE = "body", "partial.json"
_NEW = f"{NOTE}.new"
_REMOVED = "removed-"
"""Name prefix of partial files that are being removed; they are moved beside the folder of partial files first."""


class ResumeInfo(NamedTuple):
    """Resume information of a partial file, as stored in `partial.json`."""

    source: str
    url: str
    """The redacted URL."""
    url_digest: str
    etag: str
    """A strong ETag, which identifies the bytes of the file exactly."""
    size: int
    """Number of bytes received, which `hex_digits` is the digest of."""
    hex_digits: str
    """SHA-256 of these bytes, 64 hexadecimal digits."""
    expected: int | None
    """Size of the complete file in bytes; `None` if the server did not send it."""


@dataclass(frozen=True, slots=True)
class Partial:
    """A partial file that can be resumed."""

    folder: Path
    note: ResumeInfo
    noted_at: datetime
    """When the resume information was written, in UTC."""


class Partials:
    """The partial files of a store, in one folder."""

    def __init__(self, hidden: Path) -> None:
        self._folder = hidden / "partial"

    def keys(self) -> frozenset[str]:
        """Return the keys of all partial files, without validating them.

        Raises:
            StoreError: the folder of partial files cannot be read.
        """
        try:
            return frozenset(os.listdir(self._folder))  # noqa: PTH208
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise StoreError.of(error, self._folder) from error

    def take(self, key: str, into: Path) -> ResumeInfo | None:
        """Move a valid partial file, if there is one, to the new folder `into`, and return its resume information.

        Raises:
            OSError: the store cannot be written.
        """
        try:
            (self._folder / key).rename(into)
        except FileNotFoundError:
            return None
        note = read_note(into)
        if note is None or not (into / BODY).is_file():
            shutil.rmtree(into, ignore_errors=True)
            return None
        return note

    def park(self, folder: Path) -> bool:
        """Move a folder with a body and its resume information here, and replace an earlier one of the URL.

        Returns:
            Whether the folder was moved; a body smaller than `WORTH_RESUMING`, or without resume information, is not.

        Raises:
            OSError: the store cannot be written.
        """
        note = read_note(folder)
        if note is None or note.size < WORTH_RESUMING or not (folder / BODY).is_file():
            return False
        place = self._folder / key_of(note.source, note.url_digest)
        self._folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        try:
            folder.rename(place)
        except OSError as error:
            if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
                raise
            return False  # a different process has parked the same URL
        return True

    def __iter__(self) -> Iterator[Partial]:
        """Yield all valid partial files, in the order of their keys."""
        for key in sorted(self.keys()):
            folder = self._folder / key
            note = read_note(folder)
            if note is None:
                continue
            try:
                noted_at = datetime.fromtimestamp((folder / NOTE).stat().st_mtime, UTC)
            except FileNotFoundError:
                continue  # a run has just taken it
            yield Partial(folder, note, noted_at)

    def remove(self, key: str, *, missing_ok: bool = False) -> None:
        """Delete a partial file, unless a run has taken it in the meantime.

        Raises:
            StoreError: the partial file cannot be deleted, or does not exist.
        """
        removed = self._folder.with_name(f"{_REMOVED}{key}.{os.urandom(4).hex()}")
        try:
            # Moved first: otherwise a run that takes the partial file during the deletion would lose the body.
            (self._folder / key).rename(removed)
            shutil.rmtree(removed)
        except OSError as error:
            if missing_ok and isinstance(error, FileNotFoundError):
                return
            raise StoreError.of(error, self._folder / key) from error

    def clear_removed(self) -> None:
        """Finish deletions that were interrupted by a kill.

        Raises:
            StoreError: a folder cannot be deleted.
        """
        for folder in self._folder.parent.glob(f"{_REMOVED}*"):
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue  # a different process has deleted it
            except OSError as error:
                raise StoreError.of(error, folder) from error


def key_of(source: str, url_digest: str) -> str:
    """The key of a URL's partial file, which is its folder name."""
    return f"{source}.{url_digest[:32]}"


def read_note(folder: Path) -> ResumeInfo | None:
    """Read the resume information in a folder; `None` if it is missing or invalid, as after a crash."""
    try:
        values = json.loads((folder / NOTE).read_bytes())
        note = ResumeInfo(**values)
    except (OSError, ValueError, TypeError):
        return None
    texts = (note.source, note.url, note.url_digest, note.etag, note.hex_digits)
    known = type(note.size) is int and all(type(text) is str for text in texts)
    return note if known and note.size > 0 else None


def write_resume_info(folder: Path, note: ResumeInfo) -> None:
    """Write the resume information of a folder atomically.

    Raises:
        OSError: the disk is full, or the store was removed.
    """
    new = folder / _NEW
    new.write_text(json.dumps(note._asdict()), encoding="utf-8")
    new.replace(folder / NOTE)


def drop_resume_info(folder: Path) -> None:
    """Delete the resume information of a complete body, and the temporary file of an interrupted write.

    Raises:
        OSError: the store cannot be written.
    """
    for name in (NOTE, _NEW):
        (folder / name).unlink(missing_ok=True)
