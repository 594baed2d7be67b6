"""Atomic files: a reader sees the whole new file or what was there before, also after Ctrl-C."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path in the folder of `path` that replaces `path` when the block ends well.

    Folders are created as needed. When the block raises, or is interrupted, the temporary file is removed and `path`
    is left as it was.

    Raises:
        OSError: the folder cannot be created or written, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not by tempfile, whose files only their owner reads: what is published follows the umask like any other file.
    temporary = path.with_name(f".{os.urandom(8).hex()}.tmp")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a whole file or none; text is UTF-8 and its line ends are kept.

    Raises:
        OSError: as `atomic_file`.
    """
    with atomic_file(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
