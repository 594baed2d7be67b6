"""Whole files: copy objects in formats that cannot be streamed to a temporary file."""

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_PIECE = 1 << 20
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)
"""Exceptions for archives that are truncated, damaged, encrypted or compressed with an unknown method. `OSError` is
raised for offsets outside of the file."""


@contextmanager
def whole_file(stream: BinaryIO) -> Iterator[Path]:
    """Copy the stream to a temporary file, which is removed at the end of the block."""
    with tempfile.NamedTemporaryFile(prefix="airnub-") as file:
        shutil.copyfileobj(stream, file, _PIECE)
        file.flush()
        yield Path(file.name)
