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
    """Columns are matched by name, in any order and between undeclared ones."""
    assert rows(b"\xef\xbb\xbfb,more,a\r\nx,1,y\r\n") == [(2, "y", "x")]


def test_a_record_is_known_by_the_line_that_it_begins_at() -> None:
    """A record has the number of its first line, also after fields with line breaks and skipped empty lines."""
    content = b'a,b\n1,"x\ny"\n\n2,z\n,\n3,\n'
    assert rows(content) == [(2, "1", "x\ny"), (5, "2", "z"), (7, "3", None)]
    [chunk] = chunks(content)
    assert chunk.texts([2, 7]) == ['1,"x\ny"', "3,"]


def test_what_a_line_has_too_much_is_beyond() -> None:
    """Surplus fields are reported in `BEYOND`; missing fields are null."""
    [chunk] = chunks(b"a,b\n1,2,3,4\n5\n")
    assert chunk.rows.select("a", "b", BEYOND).rows() == [("1", "2", "3"), ("5", None, None)]


def test_a_stray_quote_costs_its_line_alone() -> None:
    """A quote inside an unquoted field is text; a quote that opens a field without an end invalidates only its line."""
    [chunk] = chunks(b'a,b\n1,5" pipe\n2,"un closed\n3,ok\n4,"fine"\n')
    assert chunk.rows.select(RECORD, "a", "b").rows() == [(2, "1", '5" pipe'), (4, "3", "ok"), (5, "4", "fine")]
    [(line, reason)] = chunk.refused
    assert line == 3
    assert reason.startswith("expected a line of CSV")
    assert chunk.texts([3]) == ['2,"un closed']


def test_bytes_that_are_not_utf_8_become_the_replacement_character() -> None:
    """Invalid bytes become U+FFFD, which makes their row invalid."""
    assert rows(b"a,b\n\xff,1\n") == [(2, "\ufffd", "1")]


def test_a_missing_column_is_an_error() -> None:
    """The error lists the columns of the file."""
    with pytest.raises(DatasetError, match="expected the columns a in the header, found b, c"):
        chunks(b"b,c\n1,2\n")


def test_a_renamed_column_is_named_beside_the_one_that_is_missing() -> None:
    """The error lists the columns of the file, and which of them are undeclared."""
    with pytest.raises(DatasetError, match="expected the columns b in the header, found a, B, of which B is not decl"):
        chunks(b"a,B\n1,2\n")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_is_an_error(content: bytes) -> None:
    """A file needs at least a header."""
    with pytest.raises(DatasetError, match="header"):
        chunks(content)


def test_a_column_that_stands_twice_is_an_error() -> None:
    """A repeated declared column is ambiguous and an error."""
    with pytest.raises(DatasetError, match="found a twice"):
        chunks(b"a,b,a\n1,2,3\n")


def test_another_delimiter() -> None:
    """Semicolons are used in German spreadsheets."""
    [chunk] = chunks(b"a;b\n1;2\n", Csv(delimiter=";"))
    assert chunk.rows.select("a", "b").rows() == [("1", "2")]


FIELD = st.text(st.sampled_from('ab",\n\r 7é'), max_size=5)


@given(st.lists(st.tuples(FIELD, FIELD), max_size=12), st.integers(1, 40))
def test_where_chunks_are_cut_changes_nothing(table: list[tuple[str, str]], size: int) -> None:
    """Chunks of any size result in the rows, records and texts of the whole file, equal to those of Python's reader."""
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
    expected = [tuple(field or None for field in row) for row in table if any(row)]
    assert [(a or None, b or None) for _, a, b in cut] == expected


DIRTY = st.text(st.sampled_from('ab"",\n\r '), max_size=14)


@given(DIRTY)
def test_dirty_lines_are_read_as_python_reads_them(body: str) -> None:
    """Any combination of quotes, line ends and field counts is parsed like by Python, also where polars misreads it."""
    reader = Csv()
    expected = [
        row for chunk in [reader._slowly(body.encode(), ["a", "b", BEYOND], 2, SCHEMA, [])] for row in facts(chunk)
    ]
    found = [row for chunk in chunks(b"a,b\n" + body.encode().lstrip(b"\r\n")) for row in facts(chunk)]
    lines = len(body.encode()[: len(body) - len(body.lstrip("\r\n"))].splitlines())
    assert [(line + lines, *rest) for line, *rest in found] == [tuple(row) for row in expected]


@given(DIRTY, st.integers(1, 12))
def test_where_chunks_of_dirty_lines_are_cut_changes_nothing(body: str, size: int) -> None:
    """Chunks end only where records end, also with stray quotes beside fields with line breaks."""
    content = b"a,b\n" + body.encode()
    whole = [row for chunk in chunks(content) for row in facts(chunk)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", size)
        cut = [row for chunk in chunks(content) for row in facts(chunk)]
    assert cut == whole


def test_a_stray_quote_before_fields_with_line_breaks_costs_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A count of quotes alone would split later fields with line breaks, in a file of several chunks."""
    lines = [f'{number},"x\ny"' for number in range(9000)]
    lines[10] = '10,5" pipe'
    lines[20] = '20,"a"b'
    content = "a,b\n{}\n".format("\n".join(lines)).encode()
    whole = [row for chunk in chunks(content) for row in facts(chunk)]
    monkeypatch.setattr(module, "CHUNK", 20_000)
    found = chunks(content)
    assert [row for chunk in found for row in facts(chunk)] == whole
    assert [line for chunk in found for line, _ in chunk.refused] == [41]
    assert sum(len(chunk.rows) for chunk in found) == 8999
    assert len(found) < 12


def facts(chunk: Chunk) -> list[tuple[object, ...]]:
    """Return rows and refused records by line; empty text is null."""
    rows = [tuple(value or None for value in row) for row in chunk.rows.select(RECORD, "a", "b", BEYOND).iter_rows()]
    return sorted([*rows, *((line, "refused") for line, _ in chunk.refused)], key=lambda row: row[0])


@given(st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=8), st.sampled_from([",", ";", "\t", "|", "¦"]))
def test_any_delimiter_and_line_end(table: list[tuple[str, str]], delimiter: str) -> None:
    """Files of Python's writer are parsed with any delimiter, quote and line end."""
    for end in ("\n", "\r\n", "\r"):
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *table])
        [*found] = chunks(text.getvalue().encode(), Csv(delimiter=delimiter))
        values = [(a or None, b or None) for chunk in found for a, b in chunk.rows.select("a", "b").iter_rows()]
        assert values == [(a or None, b or None) for a, b in table if a or b]
        assert not any(chunk.refused for chunk in found)


def test_a_quote_that_polars_would_drop_refuses_its_line() -> None:
    """Polars parsed `""b ""` as `b ` without an error."""
    [chunk] = chunks(b'a,b\n""b "",1\n2,x\n')
    assert chunk.rows.select(RECORD, "a").rows() == [(3, "2")]
    assert [line for line, _ in chunk.refused] == [2]


def test_a_field_behind_an_empty_one_too_many_is_beyond() -> None:
    """A surplus field after an empty one was dropped without an error."""
    [chunk] = chunks(b"a,b\n1,2,,x\n3,4,\n")
    assert chunk.rows.select("a", "b", BEYOND).rows() == [("1", "2", "x"), ("3", "4", None)]


def test_a_stray_quote_in_a_large_file_costs_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later chunks end where records end."""
    monkeypatch.setattr(module, "CHUNK", 20_000)
    lines = [f'{number},"x y"' for number in range(9000)]
    lines[100] = '100,"open'
    found = chunks("a,b\n{}\n".format("\n".join(lines)).encode())
    assert [line for chunk in found for line, _ in chunk.refused] == [102]
    assert sum(len(chunk.rows) for chunk in found) == 8999
    assert max(len(chunk.rows) for chunk in found) < 5000


def test_lines_that_end_with_a_return() -> None:
    """CR is a line end, as in old spreadsheets; within quotes it is text."""
    assert rows(b'a,b\r"1\r2",x\r\r3,y') == [(2, "1\r2", "x"), (5, "3", "y")]
    assert rows(b"a,b\r1,x\r2,y\r") == [(2, "1", "x"), (3, "2", "y")]


def test_utf_16_and_declared_encodings() -> None:
    """Values and raw text are decoded with the byte order mark or the declared encoding."""
    content = "a;b\nß;€\n"
    for reader, raw in (
        (Csv(";"), content.encode("utf-16")),
        (Csv(";", encoding="utf-16-le"), content.encode("utf-16-le")),
        (Csv(";", encoding="windows-1252"), content.encode("windows-1252")),
    ):
        [chunk] = chunks(raw, reader)
        assert chunk.rows.select("a", "b").rows() == [("ß", "€")]
        assert chunk.texts([2]) == ["ß;€"]


def test_decimal_commas() -> None:
    """Points group thousands; a number with a decimal point is ambiguous and refused."""
    schema = {"a": Column(pl.String), "b": Column(pl.Float64, nullable=True)}
    content = b"a;b\nx.y,z;1.234.567,25\nv;-1,5\nw;1.5\nu;\nt;7\ns;1 234\n"
    [chunk] = Csv(";", decimal_comma=True).read("orders", io.BytesIO(content), schema)
    assert chunk.rows.select("a", "b").rows() == [
        ("x.y,z", "1234567.25"), ("v", "-1.5"), ("u", None), ("t", "7"), ("s", "1234"),
    ]  # fmt: skip
    assert chunk.refused == [(4, "b: expected a number with a decimal comma, found 1.5")]


def test_a_nul_character_costs_its_line() -> None:
    """A NUL character invalidates its line; in the header it indicates an undeclared encoding."""
    [chunk] = chunks(b"a,b\nx\0y,1\nz,2\n")
    assert chunk.rows.select(RECORD, "a").rows() == [(3, "z")]
    assert chunk.refused == [(2, "expected text, found a NUL character")]
    with pytest.raises(DatasetError, match="declare its encoding, such as 'utf-16-le'"):
        chunks("a,b\n".encode("utf-16-le"))


def test_the_wrong_delimiter_is_named() -> None:
    """The error suggests the delimiter of the header."""
    with pytest.raises(DatasetError, match="found a;b; declare its delimiter, such as ';'"):
        chunks(b"a;b\n1;2\n")


def test_quotes_without_a_meaning() -> None:
    """With `quote=None` quotes are text."""
    [chunk] = chunks(b'a\tb\n"x\t5"\n', Csv("\t", quote=None))
    assert chunk.rows.select("a", "b").rows() == [('"x', '5"')]


def test_new_columns_are_noticed() -> None:
    """New columns are reported with the line of the header, also after empty lines; unnamed columns are ignored."""
    [chunk] = chunks(b"\n\na,new,b,\n1,2,3,\n")
    assert [(one.kind, one.column, one.record) for one in chunk.drift] == [("new", "new", 3)]
    assert chunk.rows[RECORD].to_list() == [4]


@pytest.mark.parametrize("options", [{"delimiter": ""}, {"delimiter": "||"}, {"quote": ","}, {"encoding": "klingon"}])
def test_a_dialect_that_cannot_be_is_an_error(options: dict[str, str]) -> None:
    """Invalid options raise an error at the declaration."""
    with pytest.raises(ValueError, match="expected"):
        Csv(**options)
