"""Limits: the network settings of a transfer as a plain value, which can be sent to downloading processes."""

import os
import resource
from typing import NamedTuple

from airnub_core.http.ssrf import Allowed

_FILES_LEFT = 32
"""Open files that others in this process may need."""
MAX_INTERIM = 1000
"""Interim answers (1xx) before an answer. A server that sends 102 every ten seconds needs 360 an hour."""


class Limits(NamedTuple):
    """Of one source. Times are in seconds, sizes in bytes; the names are those of `NetworkSettings`."""

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
    """As many as the limit of open files allows: each has a socket, and a file where its body is large."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1024
    try:
        used = len(os.listdir("/dev/fd"))  # noqa: PTH208  # iterdir would make a Path of each
    except OSError:
        used = 0
    return max(1, (soft - used - _FILES_LEFT) // 2)
