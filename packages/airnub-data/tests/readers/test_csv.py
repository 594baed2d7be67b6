import csv
import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.errors import DatasetError
from airnub_data.columns import RECORD, Column
from airnub_data.conform import BEYOND
from airnub_data.readers import Csv
from airnub_data.readers import csv as module
from airnub_data.readers.chunk import Chunk

SCHEMA = {"a": Column(pl.String), "b": Column(pl.String, nullable=True)}


def chunks(content: bytes, reader: Csv | None = None) -> list[Chunk]:
    return list((reader or Csv()).read("orders", io.BytesIO(content), SCHEMA))


def rows(content: bytes) -> list[tuple[object, ...]]:
    return [row for chunk in chunks(content) for row in chunk.rows.select(RECORD, "a", "b").iter_rows()]


def test_columns_are_found_by_name() -> None:
    """Their order is the file's own business, and others may stand between."""
    assert rows(b"\xef\xbb\xbfb,more,a\r\nx,1,y\r\n") == [(2, "y", "x")]


def test_a_record_is_known_by_the_line_that_it_begins_at() -> None:
    """Also behind fields with line breaks and empty lines, which are left out."""
    content = b'a,b\n1,"x\ny"\n\n2,z\n,\n3,\n'
    assert rows(content) == [(2, "1", "x\ny"), (5, "2", "z"), (7, "3", None)]
    [chunk] = chunks(content)
    assert chunk.texts([2, 7]) == ['1,"x\ny"', "3,"]


def test_what_a_line_has_too_much_is_beyond() -> None:
    """And what it has too little is missing."""
    [chunk] = chunks(b"a,b\n1,2,3,4\n5\n")
    assert chunk.rows.select("a", "b", BEYOND).rows() == [("1", "2", "3"), ("5", None, None)]


def test_a_stray_quote_costs_its_line_alone() -> None:
    """A quote within a field is text, and one that opens a field that never ends refuses its line."""
    [chunk] = chunks(b'a,b\n1,5" pipe\n2,"un closed\n3,ok\n4,"fine"\n')
    assert chunk.rows.select(RECORD, "a", "b").rows() == [(2, "1", '5" pipe'), (4, "3", "ok"), (5, "4", "fine")]
    [(line, reason)] = chunk.refused
    assert line == 3
    assert reason.startswith("expected a line of CSV")
    assert chunk.texts([3]) == ['2,"un closed']


def test_bytes_that_are_not_utf_8_become_the_replacement_character() -> None:
    """With which no text conforms."""
    assert rows(b"a,b\n\xff,1\n") == [(2, "\ufffd", "1")]


def test_a_missing_column_is_an_error() -> None:
    """It names what the file has."""
    with pytest.raises(DatasetError, match="expected the columns a in the header, found b, c"):
        chunks(b"b,c\n1,2\n")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_is_an_error(content: bytes) -> None:
    """A header is the least that a file of rows has."""
    with pytest.raises(DatasetError, match="header"):
        chunks(content)


def test_a_column_that_stands_twice_is_an_error() -> None:
    """Which of them is meant cannot be known."""
    with pytest.raises(DatasetError, match="found a twice"):
        chunks(b"a,b,a\n1,2,3\n")


def test_another_delimiter() -> None:
    """As German spreadsheets write it."""
    [chunk] = chunks(b"a;b\n1;2\n", Csv(delimiter=";"))
    assert chunk.rows.select("a", "b").rows() == [("1", "2")]


FIELD = st.text(st.sampled_from('ab",\n\r 7é'), max_size=5)


@given(st.lists(st.tuples(FIELD, FIELD), max_size=12), st.integers(1, 40))
def test_where_chunks_are_cut_changes_nothing(table: list[tuple[str, str]], size: int) -> None:
    """Rows, records and texts are those of the whole file, and those that Python's own reader finds."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("a", "b"), *table])
    content = text.getvalue().encode()
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "CHUNK", size)
    try:
        cut = rows(content)
    finally:
        patch.undo()
    assert cut == rows(content)
    expected = [tuple(field or None for field in row) for row in table if any(row)]  # no value, no row
    assert [(a or None, b or None) for _, a, b in cut] == expected
