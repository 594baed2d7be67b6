import io
from datetime import UTC, datetime

import polars as pl
import pytest

from airnub_core.errors import DatasetError
from airnub_data.columns import RECORD, Column
from airnub_data.conform import conform
from airnub_data.readers import Parquet
from airnub_data.readers.chunk import Chunk

SCHEMA = {"id": Column(pl.Int64), "at": Column(pl.Datetime("us", "UTC"), nullable=True), "name": Column(pl.String)}


def parquet(rows: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    rows.write_parquet(file)
    return file.getvalue()


def chunks(content: bytes) -> list[Chunk]:
    return list(Parquet().read("orders", io.BytesIO(content), SCHEMA))


def test_values_become_those_of_their_columns() -> None:
    """Bytes and categories become text, and a number in a column of timestamps is milliseconds, as in text."""
    rows = pl.DataFrame(
        {"name": [b"a", b"\xff"], "at": [0, 1000], "id": [1.0, 2.5], "more": [1, 2]},
        schema_overrides={"id": pl.Float64},
    )
    [chunk] = chunks(parquet(rows))
    found = conform(chunk.rows, SCHEMA)
    assert found.rows.select(RECORD, "id", "at", "name").rows() == [(1, 1, datetime(1970, 1, 1, tzinfo=UTC), "a")]
    [(record, reason)] = found.quarantine.rows()
    assert record == 2
    assert reason == "id: expected a whole number (Int64), found 2.5; name: expected text in its encoding, found \ufffd"
    assert chunk.texts([2]) == ['{"id":2.5,"at":1000,"name":"\ufffd"}']
    kinds = [(one.kind, one.column) for one in chunk.drift]
    assert kinds == [("new", "more"), ("type", "id"), ("type", "at")]


def test_types_that_cannot_be_converted_cost_their_rows() -> None:
    """Values that polars cannot cast invalidate their rows instead of raising an error."""
    [chunk] = chunks(parquet(pl.DataFrame({"id": [[1], None], "at": [True, None], "name": ["x", "y"]})))
    assert len(conform(chunk.rows, SCHEMA).quarantine) == 2


def test_larger_files_are_read_in_batches() -> None:
    """Record numbers are consecutive across batches."""
    rows = pl.DataFrame({"id": range(250_000)}).with_columns(name=pl.lit("x"), at=None)
    found = chunks(parquet(rows))
    assert len(found) > 1
    assert pl.concat([chunk.rows for chunk in found])[RECORD].to_list() == list(range(1, 250_001))


@pytest.mark.parametrize("cut", [0, 3, 100])
def test_a_file_that_is_cut_off_fails_as_a_whole(cut: int) -> None:
    """A truncated file fails as a whole; the error contains the cause."""
    with pytest.raises(DatasetError, match="expected a whole Parquet file, found"):
        chunks(parquet(pl.DataFrame({"id": [1]}))[:cut])


def test_a_missing_column_is_an_error() -> None:
    """The error lists the columns of the file."""
    with pytest.raises(DatasetError, match="expected the columns at, name, found id, key"):
        chunks(parquet(pl.DataFrame({"id": [1], "key": [2]})))
