"""Limits: what `settings` says about a transfer, as a plain value that the processes which download can take along."""

from typing import NamedTuple

from airnub_core.errors import ProtocolError
from airnub_core.http.ssrf import Allowed

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


def too_many_interim(url: str, found: int) -> ProtocolError:
    """More than `MAX_INTERIM` interim answers came, and perhaps no answer behind them."""
    return ProtocolError(url, f"{found:,} interim answers (1xx), of which at most {MAX_INTERIM:,} are taken")
