"""Limits: what `settings` says about a transfer, as a plain value that the processes which download can take along."""

from typing import NamedTuple

from airnub_core.network.ssrf import Allowed

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""HTTP statuses that send on to another URL, where there is a Location."""


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
    allow_private_hosts: Allowed
