"""Partial files: keep the received part of a large file whose transfer was cut, so that the next run resumes it.

    <hidden>/partial/<source>.<first 32 digits of the URL's SHA-256>/body
                                                                     partial.json

`partial.json` says how many bytes are worth believing, and their digest: they are hashed again before they are, so that
neither a kill between two writes nor a power loss makes a wrong file of a right one.
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
"""Bytes; less is fetched again as fast as it is looked up."""
BODY, NOTE = "body", "partial.json"
_NEW = f"{NOTE}.new"
_REMOVED = "removed-"
"""How the name of a partial file begins that is being removed, beside the folder of those that wait."""


class ResumeInfo(NamedTuple):
    """What is known of a partial file."""

    source: str
    url: str
    """Redacted."""
    url_digest: str
    etag: str
    """Strong: it names these bytes, and no others that look alike."""
    size: int
    """Bytes that have come, and belong to `hex_digits`."""
    hex_digits: str
    """Of the SHA-256 of those bytes."""
    expected: int | None
    """Bytes of the whole file, where the server said so."""


@dataclass(frozen=True, slots=True)
class Partial:
    """A partial file that waits to be resumed."""

    folder: Path
    note: ResumeInfo
    noted_at: datetime
    """When the last of its bytes came, in UTC."""


class Partials:
    """The partial files of a store, in one place."""

    def __init__(self, hidden: Path) -> None:
        self._folder = hidden / "partial"

    def keys(self) -> frozenset[str]:
        """Of all that is there, without a look inside.

        Raises:
            StoreError: their folder cannot be read.
        """
        try:
            return frozenset(path.name for path in self._folder.iterdir())
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise StoreError.of(error, self._folder) from error

    def take(self, key: str, into: Path) -> ResumeInfo | None:
        """Move a partial file into the folder `into`, which does not exist yet; `None` where it is gone or unreadable.

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
        """Take in a folder with a body and its note, in place of an earlier one of the URL; whether it was worth it.

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
            return False  # another process was faster, and its part is as good
        return True

    def __iter__(self) -> Iterator[Partial]:
        """Those that can be read, in the order of their keys."""
        for key in sorted(self.keys()):
            folder = self._folder / key
            note = read_note(folder)
            if note is None:
                continue
            try:
                noted_at = datetime.fromtimestamp((folder / NOTE).stat().st_mtime, UTC)
            except FileNotFoundError:
                continue  # a run has just taken it up
            yield Partial(folder, note, noted_at)

    def remove(self, key: str, *, missing_ok: bool = False) -> None:
        """Give one up; one that a run has taken up in the meantime is left to it.

        Raises:
            StoreError: it cannot be removed, or is not there, unless that is allowed.
        """
        removed = self._folder.with_name(f"{_REMOVED}{key}.{os.urandom(4).hex()}")
        try:
            # Removed where it is, it would lose its body in the hands of a run that takes it up in the meantime.
            (self._folder / key).rename(removed)
            shutil.rmtree(removed)
        except OSError as error:
            if missing_ok and isinstance(error, FileNotFoundError):
                return
            raise StoreError.of(error, self._folder / key) from error

    def clear_removed(self) -> None:
        """Remove the rest of those whose removal was killed.

        Raises:
            StoreError: one cannot be removed.
        """
        for folder in self._folder.parent.glob(f"{_REMOVED}*"):
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue  # another process was faster
            except OSError as error:
                raise StoreError.of(error, folder) from error


def key_of(source: str, url_digest: str) -> str:
    """What a partial file is found by."""
    return f"{source}.{url_digest[:32]}"


def read_note(folder: Path) -> ResumeInfo | None:
    """The note in a folder; `None` where there is none, or a crash cut it."""
    try:
        values = json.loads((folder / NOTE).read_bytes())
        note = ResumeInfo(**values)
    except (OSError, ValueError, TypeError):
        return None
    texts = (note.source, note.url, note.url_digest, note.etag, note.hex_digits)
    known = type(note.size) is int and all(type(text) is str for text in texts)
    return note if known and note.size > 0 else None


def write_resume_info(folder: Path, note: ResumeInfo) -> None:
    """Write a note in place of the one before.

    Raises:
        OSError: the disk is full, or the store was removed.
    """
    new = folder / _NEW
    new.write_text(json.dumps(note._asdict()), encoding="utf-8")
    new.replace(folder / NOTE)


def drop_resume_info(folder: Path) -> None:
    """Leave the body alone, once it is whole; also what a kill left of a note that was being written.

    Raises:
        OSError: the store cannot be written.
    """
    for name in (NOTE, _NEW):
        (folder / name).unlink(missing_ok=True)
