"""Records."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.errors import MissingPathError, NotJsonError
from airnub_core.sources.records import MAX_BORDER, Watermark, described, json_lines, parse_json, records_at, value_at

URL = "http://h/"
TEXT = st.text(max_size=5)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXT, values, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_is_parsed(encoding):
    """In each of its encodings."""
    assert parse_json(URL, '{"a": [1, "ä"]}'.encode(encoding)) == {"a": [1, "ä"]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b'{"a": 1',
        b"{'a': 1}",
        b"[1,]",
        b"NaN",
        b"[Infinity]",
        b"[1e999]",
        b"[-1e999]",
        b"\xff\xfe\x00",
        b'"\xff"',
        b"[" * 100_000,
        b"[" + b"9" * 5000 + b"]",
        b"1 2",
    ],
)
def test_what_is_no_json_is_an_error(content):
    """It shows how the answer starts; also hostile depths and numbers are nothing else."""
    with pytest.raises(NotJsonError, match="the response is kept in the store"):
        parse_json(URL, content)


ANSWER = {"data": {"items": [{"id": 1}, {"id": 2}], "next": None}, "0": "zero", "a.b": 1}


@pytest.mark.parametrize(
    ("path", "value"),
    [("data.items", [{"id": 1}, {"id": 2}]), ("data.items.1.id", 2), ("data.next", None), ("0", "zero"), ("a.b", 1)],
)
def test_values_are_found_by_path(path, value):
    """Through objects, and lists by number."""
    assert value_at(URL, ANSWER, path) == value


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing", "found nothing: the response is an object with 'data', '0', 'a.b'"),
        ("data.items.2", "found nothing: 'data.items' is a list of 2"),
        ("data.items.-1", "found nothing: 'data.items' is a list of 2"),
        ("data.next.x", "found nothing: 'data.next' is null"),
        ("0.x", "found nothing: '0' is the text 'zero'"),
        ("data.items.0.id.x", "found nothing: 'data.items.0.id' is the value 1"),
    ],
)
def test_a_path_that_leads_nowhere_says_how_far_it_leads(path, message):
    """And what stands there."""
    with pytest.raises(MissingPathError) as error:
        value_at(URL, ANSWER, path)
    assert message in str(error.value)


def test_records_are_a_list():
    """At a path, or the whole answer."""
    assert records_at(URL, [1, 2], None) == [1, 2]
    assert records_at(URL, ANSWER, "data.items") == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize("answer", [{}, None, "text", 1])
def test_records_that_are_no_list_are_an_error(answer):
    """It says what was found."""
    with pytest.raises(MissingPathError, match="expected a list of records at 'the whole response'"):
        records_at(URL, answer, None)
    with pytest.raises(MissingPathError, match=r"expected a list of records at 'a'"):
        records_at(URL, {"a": answer}, "a")


@given(st.lists(JSON, max_size=3))
def test_json_lines_hold_what_came(records):
    """One value a line; whatever it holds, reading it gives it back."""
    written = json_lines(URL, records)
    assert written.count(b"\n") == len(records)
    assert [json.loads(line) for line in written.splitlines()] == records


def test_json_lines_keep_order_and_letters():
    """Keys as the API gave them, UTF-8, no spaces."""
    assert json_lines(URL, [{"b": "ä", "a": [1.5, True]}]) == '{"b":"ä","a":[1.5,true]}\n'.encode()


def test_half_a_surrogate_pair_survives():
    """JSON can say it, UTF-8 cannot: it stays escaped."""
    content = b'["a\\ud83d"]'
    assert json_lines(URL, parse_json(URL, content)) == b'"a\\ud83d"\n'


def test_records_that_are_too_deep_to_write_are_an_error():
    """There are depths that can be read and not written."""
    record = []
    for _ in range(100_000):
        record = [record]
    with pytest.raises(NotJsonError, match="nested too deep"):
        json_lines(URL, [record])
    while record:
        record = record.pop()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ({}, "an object with no keys"),
        ({"a": 1}, "an object with 'a'"),
        ([1], "a list of 1"),
        ("x" * 99, f"the text '{'x' * 40}'"),
        (1.5, "the value 1.5"),
    ],
)
def test_values_are_described_for_a_person(value, text):
    """Shortly."""
    assert described(value) == text


def read(written, *pages):
    """What is new on these pages, and the watermark behind them as an index keeps it."""
    watermark = Watermark("at", written)
    new = [record for page in pages for record in watermark.new_among("http://h/q", page)]
    return new, watermark.as_text()


def value_of(written):
    return Watermark("at", written).value


def test_before_the_first_record_a_watermark_has_no_value():
    """Nothing is to be sent, also where it was kept so."""
    assert value_of(None) is value_of(read(None)[1]) is None


def test_a_watermark_without_a_border_is_read():
    """As it was kept before; what has its value comes once more."""
    assert value_of("104") == 104
    assert read('"2026-01-01"', [{"at": "2026-01-01"}])[0] == [{"at": "2026-01-01"}]


def test_a_watermark_is_kept_as_ever():
    """Indexes of other versions have it."""
    digest = "46bb5ffe8cf9bdd79bc89c8bb98f4e54ed8ba3cb7e1e4bcf3a3ba8b3f7d8c9a1"
    assert read(json.dumps({"value": 2, "border": [digest]}))[1] == f'{{"value": 2, "border": ["{digest}"]}}'


def test_what_has_the_largest_value_is_known_again():
    """In any order of pages and values; what differs in anything is another record."""
    first, last = read(None, [{"at": 2, "id": 1}], [{"at": 1, "id": 1}], [{"at": 2, "id": 2}])
    assert len(first) == 3
    assert value_of(last) == 2
    again, last = read(last, [{"at": 3, "id": 1}, {"at": 2, "id": 1}], [{"at": 2, "id": 3}, {"at": 2, "id": 2}])
    assert again == [{"at": 3, "id": 1}, {"at": 2, "id": 3}]
    assert value_of(last) == 3


ANY_RECORDS = st.lists(st.fixed_dictionaries({"id": st.integers(0, 5), "at": st.integers(0, 5)}), max_size=12)


@given(first=ANY_RECORDS, second=ANY_RECORDS)
def test_no_record_is_lost(first, second):
    """All come, but for those of the watermark's own value that were there before."""
    new, last = read(None, first)
    assert new == first
    largest = max((record["at"] for record in first), default=None)
    assert value_of(last) == largest
    again, newest = read(last, second)
    assert again == [record for record in second if record["at"] != largest or record not in first]
    assert value_of(newest) == max((record["at"] for record in first + second), default=None)


def test_a_border_without_end_is_not_kept():
    """Then its records come twice, which is better than never."""
    records = [{"at": 1, "id": number} for number in range(MAX_BORDER + 1)]
    assert read(None, records)[1] == '{"value": 1, "border": []}'


@pytest.mark.parametrize("value", [None, True, [], {}, "\ud83d"])
def test_a_value_that_does_not_grow_is_an_error(value):
    """Neither can it be sent."""
    with pytest.raises(MissingPathError, match="expected a text or a number at 'at'"):
        read(None, [{"at": value}])


def test_values_of_two_kinds_are_an_error():
    """They do not compare; also with what was kept."""
    with pytest.raises(MissingPathError, match="to compare with"):
        read("1", [{"at": "text"}])
    with pytest.raises(MissingPathError, match="expected a value at 'at'"):
        read("1", [{"id": 1}])
