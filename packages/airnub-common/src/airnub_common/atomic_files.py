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

    A device or a pipe, such as /dev/stdout, is written in place: replacing it would take it from all programs.

    Raises:
        OSError: as for `atomic_file`.
    """
    encoded = content.encode() if isinstance(content, str) else content
    if _is_special(path):
        path.write_bytes(encoded)
        return
    with atomic_file(path) as temporary:
        temporary.write_bytes(encoded)


def _is_special(path: Path) -> bool:
    """Whether a path is a device or a pipe, or one of the links in /dev to a file that is open."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    is_usual = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    return not is_usual or path.absolute().parent in {Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd")}
