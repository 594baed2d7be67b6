"""What an index does, wherever it is kept: all that a new one has to have. In a database `SqlIndex` does most of it."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Protocol

from airnub_core.store.index.rows import Failure, IndexRow, LastRun, Missed, Run, Scope, Standing, Version
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal

LEASE_SECONDS = 30.0
"""Seconds until other workers take up what a dead one had leased. One that is slower shares it with them, no more."""


class Index(Protocol):
    """Each call is one transaction, durable when it returns; calls may come from any thread.

    URLs are known by their digests. What is ordered by time is ordered by when requests were sent, by the clock of the
    index; `merge` says which of two answers counts.

    Raises:
        StoreError: the index cannot be read or written.
    """

    shared: bool
    """Whether workers on other machines may be at the same URLs."""

    @property
    def is_built(self) -> bool:
        """Whether `rebuild` has ended once; a new index has not, and holds nothing about what the store may hold."""
        ...

    def rebuild(self, manifests: Mapping[str, Manifest], withdrawals: Sequence[Withdrawal] = ()) -> None:
        """Forget every URL, and learn them anew; watermarks and last runs stay, notes of `miss` do not.

        Args:
            manifests: of objects that are whole, by path.
            withdrawals: of URLs; a manifest that was fetched later makes its URL current all the same.
        """
        ...

    def lookup(self, source: str, url_digests: Iterable[str]) -> dict[str, IndexRow]:
        """What is known of these URLs of a source, by digest of URL; unknown and withdrawn ones are left out."""
        ...

    def find(self, url_digest: str) -> list[IndexRow]:
        """What is known of a URL in every source where it is not withdrawn, ordered by source."""
        ...

    def record(self, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None] = ()) -> dict[int, IndexRow]:
        """Remember what was answered; an older answer never overwrites a newer one (`merge`).

        Args:
            rows: the answers. `checked_at` is when the request was sent; `changed_at` is the same, or that of the state
                that was looked up where the digest has not changed.
            seen: for each of them what `lookup` gave before it was asked for; without, none was known.

        Returns:
            By place in `rows`, the states that were met instead of those looked up, as they were.
        """
        ...

    def claim(self, url_digests: Iterable[str]) -> set[str]:
        """Lease URLs; those of them that no other worker has leased, all where the index is not shared.

        They are ours until they are released, for at most `LEASE_SECONDS` seconds after the last call of this method.
        """
        ...

    def release(self, url_digests: Iterable[str]) -> None:
        """Others may have these URLs; what is not ours is left alone."""
        ...

    def current(self, source: str) -> list[IndexRow]:
        """Every URL of a source in its current state, ordered by URL and then digest of URL; no withdrawn ones."""
        ...

    def objects(self, source: str) -> list[tuple[str, str, str, str]]:
        """Of the same `digest`, `path`, `changed_at` and `manifest`, in any order; in a third of the time."""
        ...

    def count(self, source: str) -> int:
        """How many URLs of a source have a current state; without reading them."""
        ...

    def unlisted(self, source: str, url_digests: Set[str], most: int) -> list[str]:
        """URLs of a source that have a current state and are not among these, redacted; at most `most`, any of them."""
        ...

    def versions(self, source: str, url_digest: str) -> list[Version]:
        """Every state a URL was in, the current one among them, oldest first; of a withdrawn URL too."""
        ...

    def sources(self) -> list[str]:
        """The sources of which a URL is known, withdrawn or not, in order."""
        ...

    def miss(self, run: Run, missed: Sequence[Missed]) -> list[Standing]:
        """Note that a run did not find these URLs; in their order, where each stands now.

        An answer to a request that was sent later makes the note of a URL void.
        """
        ...

    def forget_misses(self, source: str, url_digests: Iterable[str] | None = None) -> None:
        """Drop the notes of `miss` about these URLs of a source, or about all of them."""
        ...

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> list[bool]:
        """Withdraw URLs: they have no current state any more; what they had is history.

        Each is `unwritten` until `written` says that the store has it, and is not current again before.

        Returns:
            In their order, whether each is withdrawn now. A URL that was answered after `withdrawn_at` is not, and
            neither is one that is not known.
        """
        ...

    def unwritten(self) -> list[Withdrawal]:
        """The withdrawals of which the store may not know: a process was killed before it called `written`."""
        ...

    def written(self, withdrawals: Sequence[Withdrawal]) -> None:
        """Remember that the store has these withdrawals."""
        ...

    def withdrawn(self, source: str) -> list[tuple[IndexRow, str]]:
        """Every URL of a source that is withdrawn, its last state and when it was withdrawn; ordered as `current`."""
        ...

    def clock(self) -> float:
        """What to add to `clock.elapsed` for the time of the index, in seconds since 1970; not asked each time."""
        ...

    def watermark(self, source: str) -> str | None:
        """How far an incremental source was read."""
        ...

    def move_watermark(self, source: str, value: str) -> None:
        """Remember how far an incremental source was read."""
        ...

    def begin_runs(self, scope: Scope, names: Sequence[str], run: str) -> None:
        """Note that a run of these sources or datasets begins; what failed in the one before is kept until it ends."""
        ...

    def end_runs(self, scope: Scope, failures: Mapping[str, Sequence[Failure]], run: str) -> None:
        """Note that a run has ended, and what failed in it: by name, with an empty list where nothing did.

        Where a different run of the same source or dataset has begun since, its row stays as it is. That run covers all
        that this one did, since a run that has not ended makes `failed` ask for everything; its own end is noted.
        """
        ...

    def last_runs(self, scope: Scope) -> dict[str, LastRun]:
        """The last run of each source or dataset by name."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...
