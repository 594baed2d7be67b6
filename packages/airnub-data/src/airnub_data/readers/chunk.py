"""Chunk of one object: raw rows, records that could not be parsed, and the raw text of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

import polars as pl

from airnub_data.columns import RECORD, Schema
from airnub_data.drift import Drift

CHUNK = 12 * 1024 * 1024
"""Bytes that are read at a time. 181 MB of CSV with a key and 13 months took 10.8 s of processor time with 4 MiB, 10.4
with 8, 9.4 with 12 and 9.8 with 16; and 237 MB of memory with 8, 313 with 12."""
LARGEST_RECORD = 64 * 1024 * 1024
"""Maximum size of a record in bytes."""

_NAMED = 10
"""Maximum number of undeclared columns that an error message repeats."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows of an object."""

    rows: pl.DataFrame
    """`RECORD` and the declared columns, as text or as types that can be cast."""
    texts: Callable[[Sequence[int]], list[str]]
    """Returns the raw text of records by their numbers, which must be ascending."""
    refused: Sequence[tuple[int, str]] = field(default_factory=list)
    """Numbers of records that cannot be parsed, each with the reason."""
    drift: Sequence[Drift] = ()
    """Differences between the object and the schema; each is reported once per object."""


class Reader(Protocol):
    """Parses the objects of a source into rows. Readers are immutable values: equal readers parse alike."""

    @property
    def suffix(self) -> str:
        """End of the names of objects that contain rows; `""` for all objects."""
        ...

    def read(self, dataset: str, stream: BinaryIO, schema: Schema) -> Iterator[Chunk]:
        """Yield the rows of one object in chunks.

        Args:
            dataset: name of the dataset, for errors.
            stream: bytes of the object.
            schema: declared columns.

        Raises:
            DatasetError: the object does not have this format, or lacks a column.
        """
        ...


def raw_schema(columns: Schema) -> dict[str, pl.DataType]:
    """Return the schema of raw rows with every column as text."""
    return {RECORD: pl.Int64(), **{name: pl.String() for name in columns}}


def lacking(missing: Sequence[str], found: Sequence[str], schema: Schema, where: str = "") -> str:
    """Return the error for an object that lacks columns: missing, existing, and undeclared columns.

    >>> from airnub_data import Column
    >>> lacking(["price"], ["id", "amount"], {"id": Column(pl.Int64), "price": Column(pl.Int64)})
    'expected the columns price, found id, amount, of which amount is not declared'
    """
    there = [name for name in found if name]
    reason = f"expected the columns {', '.join(missing)}{where}, found {', '.join(there) or 'no columns'}"
    new = [name for name in there if name not in schema]
    if not new or len(new) == len(there) or len(new) > _NAMED:
        return reason
    return f"{reason}, of which {', '.join(new)} {'is' if len(new) == 1 else 'are'} not declared"


def decoded(lines: Sequence[bytes]) -> list[str]:
    """Decode lines as UTF-8 without their line ends; invalid bytes become U+FFFD."""
    return [line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace") for line in lines]
