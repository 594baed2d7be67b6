"""Staging folders that were left on purpose: all in them is published and indexed, but not durable without their logs.

While the file system stays mounted nothing gets lost, and the next run has no more to do than to sync and remove them.
What that saves is measured in benchmarks/README.md.
"""

import ctypes
import os
import sys
from pathlib import Path

from airnub_core.store.durability import syncs_at_once

_MARK = "left"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MOUNT_ID_UNIQUE = 0x4000  # STATX_MNT_ID_UNIQUE of <linux/stat.h>, since Linux 6.8
_MASK, _MOUNT_ID = slice(0, 4), slice(144, 152)  # stx_mask and stx_mnt_id in struct statx
_AT_FDCWD = -100


def defer_sync(folder: Path) -> None:
    """Mark a staging folder.

    Raises:
        OSError: the disk is full, or the store was removed; no mark is left that was cut.
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
    """Whether a staging folder is marked, and its file system was mounted all the time since then."""
    try:
        marked = (folder / _MARK).read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return syncs_at_once() and marked == mount_of(folder)


def mount_of(folder: Path) -> str | None:
    """A name for the mount of a folder that no other ever has; `None` where the system knows none.

    Raises:
        OSError: the folder is not there.
    """
    if _statx is None:
        return None
    answer = ctypes.create_string_buffer(256)
    if _statx(_AT_FDCWD, os.fsencode(folder), 0, _MOUNT_ID_UNIQUE, answer) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(folder))
    if not int.from_bytes(answer.raw[_MASK], sys.byteorder) & _MOUNT_ID_UNIQUE:
        return None
    try:
        boot = _BOOT.read_text().strip()
    except OSError:
        return None
    return f"{boot} {int.from_bytes(answer.raw[_MOUNT_ID], sys.byteorder)}"


_statx = getattr(ctypes.CDLL(None, use_errno=True), "statx", None) if sys.platform == "linux" else None
