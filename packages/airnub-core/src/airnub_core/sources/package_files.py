"""Package files: files that settings name, read only from inside the package's folder."""

import os
import stat
from pathlib import Path


def read_inside(folder: Path, name: str, max_bytes: int) -> bytes:
    """The bytes of a regular file inside of a folder.

    Whether a path outside exists is not revealed, and nothing but a regular file is opened: a FIFO would wait for a
    writer, a device may never end.

    Args:
        folder: of the package.
        name: of the file, relative to the folder.
        max_bytes: a larger file is refused.

    Raises:
        ValueError: the path leads outside, after links are resolved; it is not a regular file, or is too large.
        OSError: the file cannot be read.
    """
    inside = "expected a file in the folder of the package, such as urls/files.txt"
    if Path(name).is_absolute():
        raise ValueError(f"{inside}, found an absolute path")
    try:
        root = folder.resolve()
        path = (root / name).resolve()
    except RuntimeError:  # of Python before 3.13; later ones leave the loop in the path, and it cannot be opened
        raise ValueError(f"{inside}, found symbolic links in a loop") from None
    except ValueError:
        raise ValueError(f"{inside}, found a path with a NUL character") from None
    if not path.is_relative_to(root):
        raise ValueError(f"{inside}, found a path that leads outside")
    _check_regular(path.stat().st_mode)
    # The file may have been replaced since: no link is followed any more, and opening a FIFO does not wait.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        _check_regular(os.fstat(descriptor).st_mode)
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"expected a file of at most {max_bytes:,} bytes, found a larger one")
    return content


def _check_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a device, a FIFO or a socket"
        raise ValueError(f"expected a regular file, found {kind}")
