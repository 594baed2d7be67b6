"""Tables of an index in one transaction: the interface between the SQL that both databases share and each database.

In a statement `%s` is a value, `{known}` and other names are tables, and each database substitutes these placeholders:

    {url_digest}   the digest of a URL as 64 hexadecimal digits, in a SELECT
    {key}          a condition for the row of a URL, with the values of a `Key`
    {key_columns}  the key columns
    {key_values}   as many `%s` as there are key columns
    {missed_source}  the source of a row of `missing`
"""

from collections.abc import Callable, Iterable, Sequence, Set
from typing import Any, LiteralString, NamedTuple, Protocol, TypeVar

from airnub_core.store.index.rows import IndexRow, MissNote, Version

SELECT: LiteralString = """SELECT source, {url_digest}, url, digest, path, size, manifest, etag, last_modified,
    checked_at, changed_at FROM {known}"""
Key = tuple[Any, ...]
"""The values of `{key}`."""
UrlOfSource = tuple[str, str]
"""Source and URL digest."""
T = TypeVar("T")


class State(NamedTuple):
    """Key, times and miss note of a URL's row."""

    key: Key
    checked_at: str
    withdrawn_at: str | None
    unwritten: str | None
    """The reason of the withdrawal, until the store has it."""
    note: MissNote | None


class Tables(Protocol):
    """The tables of an index within one transaction; implemented for each database."""

    def ask(self, question: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """Execute a statement, and return its rows."""
        ...

    def ask_each(self, statement: LiteralString, rows: Iterable[Sequence[object]]) -> None:
        """Execute a statement once per row of values."""
        ...

    def begin_anew(self) -> None:
        """Delete all URLs, with their history and miss notes."""
        ...

    def mark_built(self) -> None:
        """Record that the index is built."""
        ...

    def rows(self, url_digests: Set[str], *, withdrawn: bool = False) -> Iterable[IndexRow]:
        """Read the current rows of URLs in all sources; with `withdrawn`, the last rows of withdrawn URLs too."""
        ...

    def states(self, url_digests: Set[str], *, lock: bool = True) -> dict[UrlOfSource, State]:
        """Read the states of URLs in all sources; in a shared index, `lock` locks their rows until the end."""
        ...

    def histories(self, keys: Sequence[Key]) -> Iterable[tuple[Key, int, Version]]:
        """Read the past versions of URLs, oldest first, each with its key and its primary key in the history."""
        ...

    def compare_and_set(
        self, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None], places: Sequence[int]
    ) -> Sequence[int]:
        """Upsert the rows at some positions whose URLs are new, or have not changed since they were looked up.

        Args:
            rows: all rows.
            seen: per row, the result of the lookup.
            places: the positions in `rows` to write.

        Returns:
            The positions of rows that were possibly not written, or all positions; their existing rows are locked.
        """
        ...


class Transactions(Protocol):
    """Transactions over one connection; thread-safe. A transaction may run twice, so it must be idempotent."""

    def run(self, work: Callable[[Any], T]) -> T:
        """Run a reading transaction."""
        ...

    def write(self, work: Callable[[Any], T]) -> T:
        """Run a writing transaction; it is durable when this returns."""
        ...

    def close(self) -> None:
        """Close the connection; later transactions raise StoreError."""
        ...
