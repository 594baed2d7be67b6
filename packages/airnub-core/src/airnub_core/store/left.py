"""Staging folders that were left on purpose: all in them is published and indexed, but not durable without their logs.

While the file system stays mounted nothing gets lost, and the next run has no more to do than to sync and remove them.
"""

from pathlib import Path

from airnub_core.store.durability import syncs_at_once
from airnub_core.store.mounts import mount_of

_MARK = "left"


def leave(folder: Path) -> None:
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
