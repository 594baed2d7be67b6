import io
import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.errors import DatasetError
from airnub_data.columns import RECORD, Column
from airnub_data.readers import Json
from airnub_data.readers import json as module
from airnub_data.readers.chunk import Chunk

SCHEMA = {"id": Column(pl.Int64), "name": Column(pl.String, nullable=True)}


def chunks(content: str | bytes, reader: Json | None = None) -> list[Chunk]:
    raw = content if isinstance(content, bytes) else content.encode()
    return list((reader or Json()).read("orders", io.BytesIO(raw), SCHEMA))


def rows(content: str | bytes, reader: Json | None = None) -> list[tuple[object, ...]]:
    return [row for chunk in chunks(content, reader) for row in chunk.rows.select(RECORD, "id", "name").iter_rows()]


VALUES = st.one_of(st.none(), st.text(max_size=4), st.integers(-9, 9).map(str))


@given(
    st.lists(st.fixed_dictionaries({"id": st.integers(0, 99)}, optional={"name": VALUES}), min_size=1, max_size=9),
    st.sampled_from([None, 2]), st.integers(1, 30), st.booleans(),
)  # fmt: skip
def test_arrays_are_read_as_python_reads_them(
    records: list[dict[str, object]], indent: int | None, size: int, ascii_only: bool
) -> None:
    """Arrays are parsed like by Python, in any layout and with pieces of any size."""
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "CHUNK", size)
    text = json.dumps(records, indent=indent, ensure_ascii=ascii_only)
    try:
        found = rows(text.encode("utf-8", "replace"))
    finally:
        patch.undo()
    expected = [(at, str(one["id"]), one.get("name")) for at, one in enumerate(json.loads(text), 1)]
    assert found == expected


def test_an_array_within_the_document() -> None:
    """The array is at a dotted path; its siblings are skipped, but must be JSON."""
    reader = Json(records="data.items")
    assert rows('{"n": 1.5, "data": {"a": [], "items": [{"id": 1}], "b": 2}, "z": null}', reader) == [(1, "1", None)]
    for content, message in (
        ('{"n": 1}', "expected the field data, found n"),
        ('{"data": {"items": 3}}', "expected an array at data.items, found '3"),
        ("[1]", "expected an object with the field data, found"),
        ('{"data": {"items": [{"id": 1}]}', "found the end of the file"),
    ):
        with pytest.raises(DatasetError, match=message):
            chunks(content, reader)


def test_entries_that_are_no_records_cost_themselves() -> None:
    """Invalid entries are refused with their number in the array and their text; others are read."""
    found = chunks('[{"id": 1},\n 7, null, {"id": NaN}, {"id": 5, "name": {"first": "Ada"}}]')
    assert [row for chunk in found for row in chunk.rows.select(RECORD, "name").iter_rows()] == [
        (1, None), (5, '{"first": "Ada"}'),
    ]  # fmt: skip
    refused = dict(found[0].refused)
    assert refused[2] == "expected a JSON object, found 7"
    assert refused[3] == "expected a JSON object, found None"
    assert set(refused) == {2, 3, 4}
    assert found[0].texts([2, 4]) == ["7", '{"id": NaN}']


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: expected an array, found the end of the file"),
        ('[{"id": 1},\n', "line 2: expected JSON .*found the end of the file"),
        ('[{"id": 1}', "expected a comma or the end of the array, found the end of the file"),
        ('[\n{"id": 1} {"id": 2}]', "line 2: expected a comma or the end of the array, found"),
        ('[{"id": 1}] x', "expected the end of the document, found 'x'"),
        ('[{"id": 1,}]', "expected JSON"),
        ("[" * 200_000, "not nested so deeply"),
    ],
)
def test_a_document_that_is_not_json_fails_as_a_whole(content: str, message: str) -> None:
    """A document that is not JSON fails as a whole, since the start of the next record is unknown."""
    with pytest.raises(DatasetError, match=message):
        chunks(content)


def test_one_object_is_one_record() -> None:
    """A single object is one record; the error for an unexpected object lists its fields."""
    assert rows('{"id": 1}') == [(1, "1", None)]
    with pytest.raises(DatasetError, match=r"expected the fields id in its records, .* the fields are data, meta"):
        chunks('{"data": [], "meta": {}}')


def test_utf_16() -> None:
    """UTF-16 is detected by its byte order mark."""
    assert rows('[{"id": 1, "name": "ß"}]'.encode("utf-16")) == [(1, "1", "ß")]
