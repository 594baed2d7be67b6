import io
import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.errors import DatasetError
from airnub_data.columns import RECORD, Column
from airnub_data.readers import JsonLines, json_lines
from airnub_data.readers.chunk import Chunk

SCHEMA = {
    "id": Column(pl.Int64),
    "customer": Column(pl.String, nullable=True),
    "longitude": Column(pl.Float64, nullable=True),
    "tags": Column(pl.List(pl.String), nullable=True),
}
READER = JsonLines({"customer": "customer.name", "longitude": "place.coordinates.1"})


def chunks(*lines: str | bytes) -> list[Chunk]:
    content = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
    return list(READER.read("orders", io.BytesIO(content), SCHEMA))


def test_columns_are_found_at_dotted_paths() -> None:
    """Dotted paths lead through objects and lists; missing values are null."""
    [chunk] = chunks(
        '{"id": 1, "customer": {"name": "Ada"}, "place": {"coordinates": [1, 2.5]}, "tags": ["a", 7]}',
        '{"id": "2", "customer": {}, "place": {"coordinates": [1]}}',
        '{"id": 3, "customer": null}',
    )
    assert chunk.rows.select(RECORD, "id", "customer", "longitude", "tags").rows() == [
        (1, "1", "Ada", "2.5", ["a", "7"]),
        (2, "2", None, None, None),
        (3, "3", None, None, None),
    ]
    assert not chunk.refused


def test_lines_that_are_no_records_are_refused_with_their_reason() -> None:
    """Invalid lines are refused with their reason, others are read, and empty lines are skipped."""
    chunk, _ = chunks(
        '{"id": 1}', "", '{"id": 2, "customer": 17}', "[1]", "nope", '{"id": 3, "tags": 3}', b'{"id": "\xff"}',
        '{"id": 4}{"id": 5}', '{"id": 6, "place": {"coordinates": {"1": 2}}}', '{"id": 7}',
    )  # fmt: skip
    assert chunk.rows[RECORD].to_list() == [1, 10]
    found = {line: reason.partition(", found")[0].partition(": line")[0] for line, reason in chunk.refused}
    assert found[3] == "customer: expected an object"
    assert found[4] == "expected a JSON object"
    assert found[5].startswith("expected JSON")
    assert found[6] == "tags: expected a list"
    assert found[9] == "place.coordinates: expected a list"
    assert set(found) == {3, 4, 5, 6, 7, 8, 9}
    assert chunk.texts([5, 6]) == ["nope", '{"id": 3, "tags": 3}']


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        ({"a": "x", "b": "x.y"}, "fit together"),
        ({"a": "x.y", "b": "x"}, "fit together"),
        ({"a": "x.0", "b": "x.y"}, "fit together"),
        ({"a": "0.x"}, "begins with a field"),
        ({"a": "x..y"}, "dotted path"),
    ],
)
def test_paths_that_cannot_be_are_errors(paths: dict[str, str], reason: str) -> None:
    """Contradictory paths, such as to a value and to fields within it, are errors."""
    schema = {name: Column(pl.String) for name in paths}
    with pytest.raises(DatasetError, match=reason):
        list(JsonLines(paths).read("orders", io.BytesIO(b"{}"), schema))


VALUE = st.one_of(
    st.none(), st.integers(-9, 9), st.text(max_size=3), st.lists(st.integers(0, 9), max_size=2), st.just({})
)
RECORDS = st.fixed_dictionaries(
    {"id": VALUE}, optional={"customer": st.one_of(VALUE, st.fixed_dictionaries({"name": VALUE})), "tags": VALUE}
)


@given(
    st.lists(st.one_of(RECORDS.map(json.dumps), st.sampled_from(["", "no", "[]", "7"])), max_size=10),
    st.integers(1, 60),
)
def test_where_chunks_are_cut_changes_nothing(lines: list[str], size: int) -> None:
    """Each line is read or refused independently of its neighbours, with chunks of any size."""
    patch = pytest.MonkeyPatch()
    patch.setattr(json_lines, "CHUNK", size)
    try:
        cut = chunks(*lines)
    finally:
        patch.undo()
    whole = chunks(*lines)
    columns = [RECORD, *SCHEMA]
    assert [row for one in cut for row in one.rows.select(columns).rows()] == [
        row for one in whole for row in one.rows.select(columns).rows()
    ]
    assert [number for one in cut for number, _ in one.refused] == [
        number for one in whole for number, _ in one.refused
    ]
    assert sum(len(one.rows) + len(one.refused) for one in whole) == sum(bool(line) for line in lines)


def test_fields_that_are_not_declared_are_noticed() -> None:
    """Undeclared fields are reported once, with their line, also within objects that a declared path leads into."""
    [chunk] = chunks(
        '{"id": 1, "customer": {"name": "Ada"}, "place": {"coordinates": [1, 2]}, "tags": []}',
        '{"id": 2, "new": 1, "customer": {"age": 3}}', '{"id": 3, "new": 1}',
    )  # fmt: skip
    assert [(one.kind, one.column, one.record) for one in chunk.drift] == [
        ("new", "new", 2),
        ("new", "customer.age", 2),
    ]


def test_a_field_that_no_record_has_is_missing() -> None:
    """A field missing from all records is an error if it is not nullable, otherwise drift; null is not missing."""
    found = chunks('{"id": 1, "tags": null, "customer": {"name": null}}')
    assert [(one.kind, one.column) for chunk in found for one in chunk.drift] == [("missing", "place.coordinates.1")]
    with pytest.raises(DatasetError, match=r"expected the fields id .* found none of 1 .* the fields are key, tags"):
        chunks('{"key": 1, "tags": []}')


def test_a_byte_order_mark_and_utf_16() -> None:
    """A byte order mark is not part of the first record."""
    for encoding in ("utf-8-sig", "utf-16"):
        content = '{"id": 1, "customer": {"name": "ß"}}\n'.encode(encoding)
        chunk, *_ = READER.read("orders", io.BytesIO(content), SCHEMA)
        assert chunk.rows.select("id", "customer").rows() == [("1", "ß")]


def test_what_polars_would_misread_is_refused() -> None:
    """Lines that polars misreads are refused: two records in a line beside an empty line, and half a surrogate pair."""
    chunk, *_ = chunks('{"id": 1}{"id": 2}', "", '{"id": 3}', '{"id": 4, "customer": {"name": "\\ud800"}}')
    assert chunk.rows.select(RECORD, "id").rows() == [(3, "3")]
    assert [line for line, _ in chunk.refused] == [1, 4]
