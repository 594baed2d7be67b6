"""Leases: workers that share an index lease the URLs that they work on, so that no URL is fetched twice.

A lease lasts 30 s. After a quarter of that, a worker renews its leases, without a maximum: the index extends those of
which less than half is left. It releases a lease when the index has the response, the request has failed, or the run
ends. The leases of a dead worker expire; so do those of a worker that is too slow to renew them, whose URLs may then be
fetched twice.

With `force`, no URL is left to other workers. In an index that is not shared, every claim succeeds.
"""

from collections.abc import Collection, Iterable
from math import inf
from time import monotonic

from airnub_core.store.index.base import Index

LEASE_SECONDS = 30.0
"""Duration of a lease in seconds, from the claim or the extension."""


class Leases:
    """URLs that this worker has leased in a shared index, renewed while it works on them."""

    def __init__(self, index: Index, *, force: bool) -> None:
        """Begin without leases.

        Args:
            index: the index, which other workers may share.
            force: treat every URL as leased by this worker.
        """
        self._index, self._force = index, force
        self._renew_at = inf

    def claim(self, url_digests: Collection[str]) -> set[str]:
        """Lease these URLs, and return those that were not leased by a different worker."""
        self._renew_at = monotonic() + LEASE_SECONDS / 4
        return set(url_digests) if self._force else self._index.claim(url_digests)

    def renew(self) -> None:
        """Renew all leases if a quarter of their duration has passed."""
        if monotonic() >= self._renew_at:
            self.claim([])

    def release(self, url_digests: Iterable[str]) -> None:
        """Release the leases of these URLs."""
        self._index.release(url_digests)
