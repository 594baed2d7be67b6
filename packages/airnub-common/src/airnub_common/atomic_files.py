"""Atomic files: a reader sees the complete new file or the previous one, also after Ctrl-C."""

import os
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

    Raises:
        OSError: as for `atomic_file`.
    """
    with atomic_file(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
