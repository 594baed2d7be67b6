"""What every index does, wherever it is kept."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from airnub_core.store.index.known import Known, Version
from airnub_core.store.manifest import Manifest

CLAIMED = 30.0
"""Seconds until others take up what a dead worker was at. Who is slower than that is not alone at it, and no more."""


class Index(Protocol):
    """Each call is one transaction, durable when it returns; calls may come from any thread.

    Raises:
        StoreError: the index cannot be read or written.
    """

    shared: bool
    """Whether workers on other machines may be at the same URLs."""

    @property
    def is_built(self) -> bool:
        """Whether `rebuild` has ended once; a new index has not, and holds nothing about what the store may hold."""
        ...

    def rebuild(self, manifests: Mapping[str, Manifest]) -> None:
        """Forget every URL, and learn them anew from manifests by path; watermarks stay."""
        ...

    def lookup(self, source: str, url_digests: Iterable[str]) -> dict[str, Known]:
        """What is known of these URLs of a source, by digest of URL; unknown ones are left out."""
        ...

    def find(self, url_digest: str) -> list[Known]:
        """What is known of a URL in every source, ordered by source."""
        ...

    def record(self, rows: Sequence[Known], unchanged: Sequence[Known] = (), checked_at: str = "") -> None:
        """Remember these states, in their order; where an object's digest is a new one, the state before is history.

        Args:
            rows: new states.
            unchanged: states as `lookup` gave them, of which only the time of the last check is another.
            checked_at: that time.
        """
        ...

    def claim(self, url_digests: Iterable[str]) -> set[str]:
        """Those of these URLs that nobody else who shares the index is at; all where it is not shared.

        They are ours until they are released, and for `CLAIMED` seconds at most after the last call of this method.
        """
        ...

    def release(self, url_digests: Iterable[str]) -> None:
        """Others may have these URLs; what is not ours is left alone."""
        ...

    def current(self, source: str) -> list[Known]:
        """Every URL of a source in its current state, ordered by URL and then digest of URL."""
        ...

    def versions(self, source: str, url_digest: str) -> list[Version]:
        """Every state a URL was in, the current one among them, oldest first."""
        ...

    def sources(self) -> list[str]:
        """The sources of which a URL is known, in order."""
        ...

    def now(self) -> str:
        """The time by the index's own clock, which all who share it go by: ISO 8601 in UTC."""
        ...

    def watermark(self, source: str) -> str | None:
        """How far an incremental source was read."""
        ...

    def move_watermark(self, source: str, value: str) -> None:
        """Remember how far an incremental source was read."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...
