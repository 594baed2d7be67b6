"""Whole files: copy objects in formats that cannot be streamed into a temporary file."""

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
"""What Python raises of an archive that is cut off, damaged, encrypted or packed in an unknown way. `OSError` comes of
offsets outside of the file."""


@contextmanager
def whole_file(stream: BinaryIO) -> Iterator[Path]:
    """The stream as a file, which is removed when the block ends."""
    with tempfile.NamedTemporaryFile(prefix="airnub-") as file:
        shutil.copyfileobj(stream, file, _PIECE)
        file.flush()
        yield Path(file.name)
