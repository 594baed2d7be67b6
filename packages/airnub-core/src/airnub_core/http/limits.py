"""Limits: the network settings of a source as a plain value, which can be sent to worker processes."""

import os
import resource
from typing import NamedTuple

from airnub_core.http.ssrf import Allowed

_FILES_LEFT = 32
"""Number of file descriptors reserved for the rest of this process."""
MAX_INTERIM = 1000
"""Most interim responses (1xx) before a response. A server that sends 102 every ten seconds sends 360 per hour."""


class Limits(NamedTuple):
    """The limits of one source, named as in `NetworkSettings`; times in seconds, sizes in bytes."""

    connections: int
    connections_per_host: int
    requests_per_second_per_host: float | None
    max_bytes: int
    connect_timeout: float
    stall_timeout: float
    total_timeout: float
    attempts: int
    max_redirects: int
    allow_private_hosts: Allowed


def connections_for_open_files() -> int:
    """Most connections that the limit of open files allows: each needs a socket, and a file for a large body."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1024
    try:
        used = len(os.listdir("/dev/fd"))  # noqa: PTH208  # iterdir would make a Path of each
    except OSError:
        used = 0
    return max(1, (soft - used - _FILES_LEFT) // 2)
