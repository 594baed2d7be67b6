"""Watermarks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.errors import MissingPathError
from airnub_core.sources.watermarks import MAX_BORDER, NewRecords, Watermark

URL = "http://h/q"
RECORDS = st.lists(st.fixed_dictionaries({"id": st.integers(0, 5), "at": st.integers(0, 5)}), max_size=12)


def read(last, *pages):
    """What is new on these pages, and the watermark behind them as an index gives it back."""
    news = NewRecords(last, "at")
    new = [record for page in pages for record in news.among(URL, page)]
    return new, Watermark.parse(news.watermark.as_text())


def test_before_the_first_record():
    """There is no value, and nothing to be sent."""
    assert Watermark.parse(None) == Watermark() == read(Watermark())[1]


def test_a_watermark_without_a_border_is_read():
    """As it was kept before; what has its value comes once more."""
    assert Watermark.parse("104") == Watermark(104)
    assert read(Watermark.parse('"2026-01-01"'), [{"at": "2026-01-01"}])[0] == [{"at": "2026-01-01"}]


def test_what_has_the_largest_value_is_known_again():
    """In any order of pages and values; what differs in anything is another record."""
    first, last = read(Watermark(), [{"at": 2, "id": 1}], [{"at": 1, "id": 1}], [{"at": 2, "id": 2}])
    assert len(first) == 3
    assert last.value == 2
    again, last = read(last, [{"at": 3, "id": 1}, {"at": 2, "id": 1}], [{"at": 2, "id": 3}, {"at": 2, "id": 2}])
    assert again == [{"at": 3, "id": 1}, {"at": 2, "id": 3}]
    assert last.value == 3


@given(first=RECORDS, second=RECORDS)
def test_no_record_is_lost(first, second):
    """All come, but for those of the watermark's own value that were there before."""
    new, last = read(Watermark(), first)
    assert new == first
    assert last.value == max((record["at"] for record in first), default=None)
    again, newest = read(last, second)
    assert again == [record for record in second if record["at"] != last.value or record not in first]
    assert newest.value == max((record["at"] for record in first + second), default=None)


def test_a_border_without_end_is_not_kept():
    """Then its records come twice, which is better than never."""
    records = [{"at": 1, "id": number} for number in range(MAX_BORDER + 1)]
    _, last = read(Watermark(), records)
    assert last == Watermark(1)


@pytest.mark.parametrize("value", [None, True, [], {}, "\ud83d"])
def test_a_value_that_does_not_grow_is_an_error(value):
    """Neither can it be sent."""
    with pytest.raises(MissingPathError, match="expected a text or a number at 'at'"):
        read(Watermark(), [{"at": value}])


def test_values_of_two_kinds_are_an_error():
    """They do not compare; also with what was kept."""
    with pytest.raises(MissingPathError, match="to compare with"):
        read(Watermark(1), [{"at": "text"}])
    with pytest.raises(MissingPathError, match="expected a value at 'at'"):
        read(Watermark(1), [{"id": 1}])
