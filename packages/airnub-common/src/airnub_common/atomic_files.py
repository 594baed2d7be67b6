"""Atomic files: a reader sees the complete new file or the previous one, also after Ctrl-C."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Provide a temporary path in the folder of `path`, which replaces `path` when the block succeeds.

    Folders are created as needed. If the block raises or is interrupted, the temporary file is removed and `path` is
    left unchanged.

    Raises:
        OSError: the folder cannot be created or written, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not by tempfile, whose files only their owner can read: published files follow the umask.
    temporary = path.with_name(f".{os.urandom(8).hex()}.tmp")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file completely or not at all; text is encoded as UTF-8 and its line ends are kept.

    A device or a pipe is written in place: replacing it would take it from all programs. /dev/stdout and the like are
    written by their descriptor: opened again, a file that a shell appends to would be truncated.

    Raises:
        OSError: as for `atomic_file`.
    """
    encoded = content.encode() if isinstance(content, str) else content
    if (descriptor := _descriptor(path)) is not None:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(encoded)
        return
    if _is_special(path):
        path.write_bytes(encoded)
        return
    with atomic_file(path) as temporary:
        temporary.write_bytes(encoded)


def _descriptor(path: Path) -> int | None:
    """The descriptor that a path in /dev or /proc names; `None` for other paths."""
    place = path.absolute()
    if place.parent == Path("/dev"):
        return {"stdout": 1, "stderr": 2}.get(place.name)
    is_number = place.parent in {Path("/dev/fd"), Path("/proc/self/fd")} and place.name.isdecimal()
    return int(place.name) if is_number else None


def _is_special(path: Path) -> bool:
    """Whether a path is a device or a pipe."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
