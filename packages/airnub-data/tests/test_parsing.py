from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_data.parsing import parse

NOON = datetime(2018, 2, 7, 12, 26, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2018-02-07T12:26:13Z",
        "2018-02-07T12:26:13",
        "2018-02-07 12:26:13",
        " 2018-02-07T12:26:13Z ",
        "2018-02-07T12:26:13.000+00:00",
        "2018-02-07T14:26:13+02:00",
        "2018-02-07T14:26:13+0200",
        "1518006373000",
    ],
)
@pytest.mark.parametrize("first", ["2018-01-01T00:00:00Z", "2018-01-01 00:00:00", "0", "no time", None])
def test_a_time_is_read_alike_whatever_stands_before_it(text: str, first: str | None) -> None:
    """The format of the first value only determines the fast path, never the result for another value."""
    assert parse(pl.Series([first, text], dtype=pl.String), pl.Datetime("us", "UTC"))[1] == NOON


@pytest.mark.parametrize(
    "text", ["yesterday", "2018-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "99999999999999999999", ""]
)
def test_what_is_no_time_is_null(text: str) -> None:
    """Invalid days, and years outside of Python's range, are null."""
    assert parse(pl.Series([text]), pl.Datetime("us", "UTC"))[0] is None


def test_a_time_without_a_zone_stays_without() -> None:
    """The declared type determines the time zone."""
    assert parse(pl.Series(["2018-02-07T12:26:13"]), pl.Datetime("us"))[0] == NOON.replace(tzinfo=None)


def test_milliseconds_are_kept() -> None:
    """Milliseconds are preserved in a column of milliseconds."""
    assert parse(pl.Series(["2018-02-07T12:26:13.250Z"]), pl.Datetime("ms", "UTC"))[0] == NOON.replace(
        microsecond=250000
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.99", "1.99"), ("1.990", "1.99"), (" 7 ", "7"), ("-0.5", "-0.5"), ("1.999", None), ("1e3", None), ("x", None),
     ("12345678901", None)],
)  # fmt: skip
def test_no_digit_of_a_decimal_is_lost(text: str, expected: str | None) -> None:
    """Polars would round 1.999 to 2.00; here the value is invalid."""
    [value] = parse(pl.Series([text]), pl.Decimal(12, 2))
    assert value == (None if expected is None else Decimal(expected))


def test_other_types() -> None:
    """Spaces around a value are ignored, and invalid values are null."""
    assert parse(pl.Series(["2018-02-07", " 2018-02-07 ", "7 Feb"]), pl.Date).to_list() == [date(2018, 2, 7)] * 2 + [
        None
    ]
    assert parse(pl.Series(["TRUE", " false", "yes", None]), pl.Boolean).to_list() == [True, False, None, None]
    assert parse(pl.Series(["1.5", " 2 ", "1,5"]), pl.Float64).to_list() == [1.5, 2.0, None]
    assert parse(pl.Series(["7", "7.0", "300"]), pl.UInt8).to_list() == [7, None, None]


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=12), st.datetimes().map(str), st.integers().map(str)), max_size=6)
)
def test_a_value_alone_is_read_as_among_others(texts: list[str | None]) -> None:
    """A value has the same result alone and in a column: chunks may be cut anywhere."""
    for dtype in (pl.Datetime("us", "UTC"), pl.Date(), pl.Int64(), pl.Float64(), pl.Decimal(12, 2), pl.Boolean()):
        together = parse(pl.Series(texts, dtype=pl.String), dtype).to_list()
        alone = [parse(pl.Series([text], dtype=pl.String), dtype)[0] for text in texts]
        assert list(map(repr, together)) == list(map(repr, alone))
