import polars as pl
import pytest

from airnub_data.columns import RECORD, Column
from airnub_data.conform import BEYOND, conform


def raw(**columns: list[object]) -> pl.DataFrame:
    count = len(next(iter(columns.values())))
    return pl.DataFrame({RECORD: range(1, count + 1), **columns}, strict=False)


def test_rows_that_fit_get_their_types() -> None:
    """Valid rows have the columns of the schema and their record numbers."""
    conformed = conform(raw(a=["1", "2"], b=["x", ""]), {"a": Column(pl.Int64), "b": Column(pl.String, nullable=True)})
    assert conformed.rows.to_dicts() == [{"a": 1, "b": "x", RECORD: 1}, {"a": 2, "b": None, RECORD: 2}]
    assert conformed.quarantine.is_empty()


def test_every_reason_of_a_row_is_named() -> None:
    """Each violated rule is listed with the expected and the found value."""
    schema = {
        "a": Column(pl.Int64, minimum=0),
        "b": Column(pl.String, one_of=("x", "y")),
        "c": Column(pl.Float64, maximum=1),
        "d": Column(pl.String),
    }
    conformed = conform(raw(a=["one", "-1"], b=["z", "x"], c=["inf", "2"], d=[None, "\ufffd"]), schema)
    assert conformed.rows.is_empty()
    assert conformed.quarantine["reason"].to_list() == [
        "a: expected a whole number (Int64), found one; b: expected one of x, y, found z; "
        "c: expected a finite number, found inf; c: expected at most 1, found inf; d: expected a value, found nothing",
        "a: expected at least 0, found -1; c: expected at most 1, found 2; "
        "d: expected text in its encoding, found \ufffd",
    ]


def test_a_field_beyond_the_header_does_not_fit() -> None:
    """A line with surplus fields is invalid, and the reason contains the surplus field."""
    conformed = conform(raw(a=["1", "2"], **{BEYOND: [None, "more"]}), {"a": Column(pl.Int64)})
    assert conformed.rows["a"].to_list() == [1]
    assert conformed.quarantine["reason"].to_list() == ["expected no field beyond the last column, found more"]


def test_lists_and_structs_are_checked_to_their_leaves() -> None:
    """One invalid nested value invalidates the row; nulls and empty lists are valid."""
    rows = pl.DataFrame(
        {
            RECORD: [1, 2, 3, 4],
            "tags": [["1", "2"], ["x"], None, []],
            "buyer": [{"age": "7"}, {"age": "8"}, None, {"age": "old"}],
        }
    )
    schema = {
        "tags": Column(pl.List(pl.Int64), nullable=True),
        "buyer": Column(pl.Struct({"age": pl.Int64}), nullable=True),
    }
    conformed = conform(rows, schema)
    assert conformed.rows.to_dicts() == [
        {"tags": [1, 2], "buyer": {"age": 7}, RECORD: 1},
        {"tags": None, "buyer": None, RECORD: 3},
    ]
    assert conformed.quarantine[RECORD].to_list() == [2, 4]


def test_typed_rows_are_converted() -> None:
    """Typed values are cast; a float becomes an integer only if it is integral."""
    conformed = conform(raw(a=[1.0, 1.5]), {"a": Column(pl.Int64)})
    assert conformed.rows["a"].to_list() == [1]
    assert conformed.quarantine["reason"].to_list() == ["a: expected a whole number (Int64), found 1.5"]


@pytest.mark.parametrize("blank", ["", " ", "\t \n", "\u00a0", "\u3000 \u2009"])
def test_text_of_white_space_is_a_missing_value(blank: str) -> None:
    """White space of any script is null; other text keeps its leading and trailing white space."""
    conformed = conform(raw(a=[blank, " x ", "é", "~", "!"]), {"a": Column(pl.String, nullable=True)})
    assert conformed.rows["a"].to_list() == [None, " x ", "é", "~", "!"]
