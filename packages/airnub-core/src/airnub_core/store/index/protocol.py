"""Index protocol: the methods of every index; `SqlIndex` implements most of them for SQL databases."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Protocol

from airnub_core.store.index.rows import Failure, IndexRow, LastRun, Missed, Run, Scope, Standing, Version
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal

LEASE_SECONDS = 30.0
"""Seconds until the leases of a dead worker expire. If a slow worker's lease expires, its URLs may be fetched twice."""


class Index(Protocol):
    """The index of a store; thread-safe. Each call is one transaction, durable when it returns.

    The key of a URL is its digest. Times are those at which requests were sent, by the clock of the index; `merge` has
    the rule for concurrent responses.

    Raises:
        StoreError: the index cannot be read or written; every method may.
    """

    shared: bool
    """Whether workers on different machines may use the index concurrently."""

    @property
    def is_built(self) -> bool:
        """Whether `rebuild` has ever completed; a new index is empty, even if the store is not."""
        ...

    def rebuild(self, manifests: Mapping[str, Manifest], withdrawals: Sequence[Withdrawal] = ()) -> None:
        """Replace all URLs by those of the manifests. Watermarks and last runs are kept, miss notes are removed.

        Args:
            manifests: manifests of undamaged objects, by path.
            withdrawals: withdrawn URLs; a manifest fetched after its URL was withdrawn makes the URL current again.
        """
        ...

    def lookup(self, source: str, url_digests: Iterable[str]) -> dict[str, IndexRow]:
        """Return the current rows of URLs of a source, by URL digest, without unknown and withdrawn URLs."""
        ...

    def find(self, url_digest: str) -> list[IndexRow]:
        """Return the current rows of a URL in all sources, ordered by source."""
        ...

    def record(self, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None] = ()) -> dict[int, IndexRow]:
        """Upsert the rows of responses; an earlier response never overwrites a later one (`merge`).

        Args:
            rows: one row per response. `checked_at` is when the request was sent; `changed_at` is the same, or that of
                the row looked up if the digest has not changed.
            seen: per row, the result of `lookup` before the request; if omitted, no URL was known.

        Returns:
            The rows found instead of those looked up, as they were before, by position in `rows`.
        """
        ...

    def claim(self, url_digests: Iterable[str]) -> set[str]:
        """Lease URLs, and extend the existing leases of this worker.

        A lease ends with `release`, or `LEASE_SECONDS` after the last call of this method.

        Returns:
            The URLs leased: those not leased by a different worker; all of them if the index is not shared.
        """
        ...

    def release(self, url_digests: Iterable[str]) -> None:
        """End leases of this worker; leases of other workers are kept."""
        ...

    def current(self, source: str) -> list[IndexRow]:
        """Return the current rows of a source, ordered by URL and URL digest; without withdrawn URLs."""
        ...

    def objects(self, source: str) -> list[tuple[str, str, str, str]]:
        """Return only `digest`, `path`, `changed_at` and `manifest` of the current rows, unordered.

        This takes a third of the time of `current`.
        """
        ...

    def count(self, source: str) -> int:
        """Return the number of current URLs of a source, without reading their rows."""
        ...

    def unlisted(self, source: str, url_digests: Set[str], most: int) -> list[str]:
        """Return up to `most` current URLs of a source that are not in `url_digests`, redacted and unordered."""
        ...

    def versions(self, source: str, url_digest: str) -> list[Version]:
        """Return all versions of a URL, oldest first, including the current one; also of a withdrawn URL."""
        ...

    def sources(self) -> list[str]:
        """Return the sources that have any URL, withdrawn or not, sorted."""
        ...

    def miss(self, run: Run, missed: Sequence[Missed]) -> list[Standing]:
        """Note that a run did not find URLs, and return their standings, in the order of the URLs.

        A response to a later request voids the note of its URL.
        """
        ...

    def forget_misses(self, source: str, url_digests: Iterable[str] | None = None) -> None:
        """Delete the miss notes of URLs of a source; `None` deletes those of all its URLs."""
        ...

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> list[bool]:
        """Withdraw URLs: their current state becomes history, and they have no current state any more.

        Each withdrawal is `unwritten` until `written` confirms that the store has it; the URL cannot become current
        again before that.

        Returns:
            Whether each URL is withdrawn now, in order. An unknown URL is not, nor is one checked after `withdrawn_at`.
        """
        ...

    def unwritten(self) -> list[Withdrawal]:
        """Return the withdrawals that the store may lack, since a process was killed before it called `written`."""
        ...

    def written(self, withdrawals: Sequence[Withdrawal]) -> None:
        """Record that the store has these withdrawals."""
        ...

    def withdrawn(self, source: str) -> list[tuple[IndexRow, str]]:
        """Return the last row and the time of withdrawal of each withdrawn URL of a source, ordered as `current`."""
        ...

    def clock(self) -> float:
        """Return the offset from `clock.elapsed` to the time of the index, in seconds since 1970; it is cached."""
        ...

    def watermark(self, source: str) -> str | None:
        """Return the watermark of an incremental source; `None` before its first run."""
        ...

    def move_watermark(self, source: str, value: str) -> None:
        """Set the watermark of an incremental source."""
        ...

    def begin_runs(self, scope: Scope, names: Sequence[str], run: str) -> None:
        """Record the start of a run of sources or datasets; failures of the previous run are kept until it ends."""
        ...

    def end_runs(self, scope: Scope, failures: Mapping[str, Sequence[Failure]], run: str) -> None:
        """Record the end of a run and its failures, by name of source or dataset; an empty list if there are none.

        If a later run of the same source or dataset has begun, its row is kept. The later run covers all items of this
        one, since `run --failed` after an unfinished run repeats all items; the later run records its own end.
        """
        ...

    def last_runs(self, scope: Scope) -> dict[str, LastRun]:
        """Return the last run of each source or dataset, by name."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...
