"""Claims: workers that share an index leave to each other what one of them is at."""

from collections.abc import Collection, Iterable
from time import monotonic

from airnub_core.store.index import Index
from airnub_core.store.index.protocol import CLAIMED


class Claims:
    """What this worker has claimed, and keeps while it is at it."""

    def __init__(self, index: Index, *, force: bool) -> None:
        """Begin with none.

        Args:
            index: that others may share.
            force: leave nothing to others.
        """
        self._index, self._force = index, force
        self._renew_at = 0.0

    def claim(self, url_digests: Collection[str]) -> set[str]:
        """Those of these URLs that nobody else is at; they are ours now."""
        self._renew_at = monotonic() + CLAIMED / 4
        return set(url_digests) if self._force else self._index.claim(url_digests)

    def renew(self) -> None:
        """What is ours stays ours, where it is time to say so again."""
        if monotonic() >= self._renew_at:
            self.claim([])

    def release(self, url_digests: Iterable[str]) -> None:
        """We are at these no more."""
        self._index.release(url_digests)
