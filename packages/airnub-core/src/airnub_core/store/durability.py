"""Durability: what was written survives a power loss. Bought once per batch, since per file it costs ten times the job.

Measured with 5,000 files of 10 KiB on ext4: 0.2 ms a file with one `syncfs` per 500 files, 1 to 3 ms with `fsync` each.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path


def make_durable(root: Path, folders: Iterable[Path]) -> None:
    """Return when the `folders`, all below `root`, and the files in them are on the disk.

    Args:
        root: any folder of the file system that holds them.
        folders: what was written since the last call; their parents up to `root` are made durable too.

    Raises:
        OSError: the disk did not take it; nothing may be called stored then.
    """
    if _syncfs is not None:
        _sync_file_system(root)
    else:
        sync_each(root, folders)


def sync_each(root: Path, folders: Iterable[Path]) -> None:
    """The same, file by file, for systems that cannot do it at once."""
    parents: set[Path] = {root}
    for folder in folders:
        for file in folder.iterdir():
            _sync(file)
        parents.update(parent for parent in (folder, *folder.parents) if parent.is_relative_to(root))
    for folder in sorted(parents, reverse=True):
        _sync(folder)


def _sync_file_system(root: Path) -> None:
    assert _syncfs is not None
    handle = os.open(root, os.O_RDONLY)
    try:
        if _syncfs(handle) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(root))
    finally:
        os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# Linux alone has syncfs(2), and Python has no name for it.
_syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None) if sys.platform == "linux" else None
