"""Mounts: whether a file system is still the one that was written to, with all that is not on its disk yet."""

import ctypes
import os
import sys
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MOUNT_ID_UNIQUE = 0x4000  # STATX_MNT_ID_UNIQUE of <linux/stat.h>, since Linux 6.8
_MASK, _MOUNT_ID = slice(0, 4), slice(144, 152)  # stx_mask and stx_mnt_id in struct statx
_AT_FDCWD = -100


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
