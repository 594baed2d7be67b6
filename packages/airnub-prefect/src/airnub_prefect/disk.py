"""Disk usage of a file system, with an event when it exceeds a limit.

    airnub.disk.filling    of airnub.disk.<machine>    a file system is fuller than its limit

Every worker measures once a minute and reports at most once an hour (`worker.metrics`); housekeeping calls `disk`. An
automation forwards the event to the receivers of the environment.
"""

import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from prefect.events import emit_event

FILLING = "airnub.disk.filling"
LIMIT = 0.9
"""Used share above which a file system is reported."""

_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Measured usage of a file system; sizes in bytes."""

    path: str
    """Any path on it."""
    total: int
    free: int
    """Free space for users other than root."""
    used: int

    @property
    def share(self) -> float:
        """The used share of the space for users, 0 to 1, as `df` counts it."""
        return self.used / max(self.used + self.free, 1)


def machine_name() -> str:
    """The name of this machine in events and metrics: `AIRNUB_MACHINE`, else the host name."""
    return os.environ.get("AIRNUB_MACHINE") or socket.gethostname()


def measure(path: Path) -> DiskUse:
    """Measure the file system of a path.

    Raises:
        OSError: the path does not exist, or cannot be read.
    """
    found = shutil.disk_usage(path)
    return DiskUse(str(path), found.total, found.free, found.used)


def report(use: DiskUse, machine: str | None = None) -> None:
    """Send the event for a file system that is too full.

    Args:
        use: the file system.
        machine: its name; `machine_name()` by default.
    """
    machine = machine or machine_name()
    emit_event(
        FILLING,
        {"prefect.resource.id": f"airnub.disk.{machine}", "prefect.resource.name": machine},
        payload={
            "machine": machine,
            "path": use.path,
            "percent": round(use.share * 100),
            "free_gib": round(use.free / _GIB, 1),
            "total_gib": round(use.total / _GIB, 1),
        },
    )


def disk(path: Path, limit: float = LIMIT, machine: str | None = None) -> DiskUse:
    """Measure the file system of a path, and report it when it is too full.

    Args:
        path: any on the file system.
        limit: the share, 0 to 1, above which it is reported.
        machine: whose disk it is, for the event; `machine_name()` by default.

    Raises:
        OSError: the path does not exist, or cannot be read.
    """
    use = measure(path)
    if use.share > limit:
        report(use, machine)
    return use
