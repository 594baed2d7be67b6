"""Results: files that later stages make. Whole or not there, and not written again when nothing changed."""

from pathlib import Path

from airnub_common import digest_of, write_atomic
from airnub_core.errors import StoreError
from airnub_core.outcome import Outcome, Status


def write_result(folder: Path, name: str, content: bytes, source: str, *, note: str | None = None) -> Outcome:
    """Write a file of results.

    Args:
        folder: of all results of its kind; the outcome's path is relative to it.
        name: of the file, with `/` for folders.
        content: its bytes.
        source: what the outcome is reported under.
        note: what was found, in a sentence.

    Returns:
        `stored` for a new file, `updated` for new bytes, `unchanged` where it holds these bytes already.

    Raises:
        StoreError: the folder cannot be written, or the disk is full.
    """
    path, digest = folder / name, digest_of(content)
    kind = Status.STORED
    try:
        if path.exists():
            kind = Status.UNCHANGED if digest_of(path) == digest else Status.UPDATED
        if kind is not Status.UNCHANGED:
            write_atomic(path, content)
    except OSError as error:
        raise StoreError.of(error, path) from error
    return Outcome(source, kind, digest=digest, path=name, size=len(content), note=note)


def remove_result(folder: Path, name: str) -> None:
    """Remove a file of results, if it is there.

    Raises:
        StoreError: it cannot be removed.
    """
    try:
        (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError.of(error, folder / name) from error
