"""Durability: sync files so that they survive a power loss, once per batch, since a sync per file is far slower.

Measured with 5,000 files of 10 KiB on ext4: 0.2 ms a file with one `syncfs` per 500 files, 1 to 3 ms with `fsync` each.

The sync may be deferred: a staging folder is kept at the end of a run whose files are published and indexed, but
durable only by its logs. As long as the file system stays mounted, nothing can be lost, and the next run only syncs and
removes the folder. benchmarks/README.md has the time that this saves.
"""

import ctypes
import fcntl
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

AnyPath = str | Path
"""A path; those of many files are text."""
_MARK = "left"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MOUNT_ID_UNIQUE = 0x4000  # STATX_MNT_ID_UNIQUE of <linux/stat.h>, since Linux 6.8
_MASK, _MOUNT_ID = slice(0, 4), slice(144, 152)  # stx_mask and stx_mnt_id in struct statx
_AT_FDCWD = -100


def make_durable(root: AnyPath, paths: Iterable[AnyPath], entries: Iterable[AnyPath] = ()) -> None:
    """Sync `paths` to the disk: files with their bytes, folders with their entries and the files in them.

    Args:
        root: any folder of their file system. On Linux the whole file system is synced at once, and `paths` is not
            iterated.
        paths: the files and folders to sync.
        entries: folders to sync without the files in them.

    Raises:
        OSError: the sync failed; none of the files may be reported as stored.
    """
    if _syncfs is not None:
        _sync_file_system(root)
    else:
        sync_each(paths, entries)


def syncs_at_once() -> bool:
    """Whether the system can sync a whole file system at once."""
    return _syncfs is not None


def sync_each(paths: Iterable[AnyPath], entries: Iterable[AnyPath] = ()) -> None:
    """Sync one by one, for systems without a sync of a whole file system; files first, then their folders."""
    folders: list[str] = []
    for path in map(str, paths):
        if os.path.isdir(path):  # noqa: PTH112
            folders.append(path)
            with os.scandir(path) as files:
                for file in files:
                    if file.is_file():
                        _sync(file.path)
        else:
            _sync(path)
    for folder in dict.fromkeys((*folders, *map(str, entries))):
        _sync(folder)


def with_parents(paths: Iterable[str], *, above: int) -> Iterator[str]:
    """Folders and the `above` nearest parents of each, which hold their names; each folder once."""
    known: set[str] = set()
    for path in paths:
        folder = path
        for _ in range(above + 1):
            if folder not in known:
                known.add(folder)
                yield folder
            parent, slash, _ = folder.rpartition("/")
            folder = parent or slash or "."


def defer_sync(folder: Path) -> None:
    """Mark a staging folder whose sync is deferred to the next run.

    Raises:
        OSError: the disk is full, or the store was removed; an incomplete mark is removed.
    """
    mount = mount_of(folder) if syncs_at_once() else None
    if mount is not None:
        mark = folder / _MARK
        try:
            mark.write_text(mount, encoding="ascii")
        except OSError:
            mark.unlink(missing_ok=True)
            raise


def is_untouched(folder: Path) -> bool:
    """Whether a staging folder is marked and its file system has stayed mounted since then."""
    try:
        marked = (folder / _MARK).read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return syncs_at_once() and marked == mount_of(folder)


def mount_of(folder: Path) -> str | None:
    """A unique identifier of the mount that a folder is in; `None` if the system has none.

    Raises:
        OSError: the folder is not there.
    """
    if _statx is None:
        return None
    found = ctypes.create_string_buffer(256)
    if _statx(_AT_FDCWD, os.fsencode(folder), 0, _MOUNT_ID_UNIQUE, found) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(folder))
    if not int.from_bytes(found.raw[_MASK], sys.byteorder) & _MOUNT_ID_UNIQUE:
        return None
    try:
        boot = _BOOT.read_text().strip()
    except OSError:
        return None
    return f"{boot} {int.from_bytes(found.raw[_MOUNT_ID], sys.byteorder)}"


def _sync_file_system(root: AnyPath) -> None:
    assert _syncfs is not None
    handle = os.open(root, os.O_RDONLY)
    try:
        if _syncfs(handle) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(root))
    finally:
        os.close(handle)


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        if _FULL_SYNC is not None:
            fcntl.fcntl(handle, _FULL_SYNC)
        else:
            os.fsync(handle)
    finally:
        os.close(handle)


# Only Linux has syncfs(2), and Python does not expose it.
_syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None) if sys.platform == "linux" else None
# On macOS fsync(2) does not flush the cache of the disk.
_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
_statx = getattr(ctypes.CDLL(None, use_errno=True), "statx", None) if sys.platform == "linux" else None
