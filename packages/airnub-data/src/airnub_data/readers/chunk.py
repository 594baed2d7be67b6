"""Chunk of one object: raw rows, parts that could not be read as a row, and the raw text of each."""

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
"""Bytes after which a record that has not ended is an error."""

_NAMED = 10
"""Columns beyond the declaration that the message of an error names again."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of an object, in their order."""

    rows: pl.DataFrame
    """`RECORD` and the declared columns, as text or as types that can be converted."""
    texts: Callable[[Sequence[int]], list[str]]
    """The raw text of records, by their numbers, which come in order."""
    refused: Sequence[tuple[int, str]] = field(default_factory=list)
    """Records that are no rows, with the reason."""
    drift: Sequence[Drift] = ()
    """Where the object differs from the schema, each difference once in an object."""


class Reader(Protocol):
    """How the objects of a source become rows. A frozen value: equal readers read alike."""

    @property
    def suffix(self) -> str:
        """Of the names of objects that hold rows; `""` for all."""
        ...

    def read(self, dataset: str, stream: BinaryIO, schema: Schema) -> Iterator[Chunk]:
        """The rows of one object.

        Args:
            dataset: its name, for errors.
            stream: the object's bytes.
            schema: the columns that are wanted.

        Raises:
            DatasetError: the object is not of this format at all, or lacks a column.
        """
        ...


def raw_schema(columns: Schema) -> dict[str, pl.DataType]:
    """Raw rows without any row: every column as text."""
    return {RECORD: pl.Int64(), **{name: pl.String() for name in columns}}


def lacking(missing: Sequence[str], found: Sequence[str], schema: Schema, where: str = "") -> str:
    """What is wrong with an object without columns: which it lacks, which it has, and which of these are not declared.

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
    """Lines as text, without their ends; bytes that are not UTF-8 become U+FFFD."""
    return [line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace") for line in lines]
