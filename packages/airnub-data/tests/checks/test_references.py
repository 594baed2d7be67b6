"""References to other datasets."""

import sys
from pathlib import Path

import polars as pl
import pytest

from airnub_data.checks import reference, references

sys.path.insert(0, str(Path(__file__).parents[1] / "importable"))
from judging import judged


@pytest.mark.parametrize("few", [0, 10_000])
@pytest.mark.parametrize("ids", [[1, 2, 2], [1, 2, None]])
def test_reference(ids, few, monkeypatch):
    """Nulls are ignored on both sides; different types with the same Delta type match; both algorithms are used."""
    monkeypatch.setattr(references, "_FEW_VALUES", few)
    others = {"customers": pl.DataFrame({"id": ids})}
    check = reference("customer", to="customers", to_columns="id")
    rows = pl.DataFrame({"customer": [1, 2, None]}, schema={"customer": pl.UInt32})
    assert judged(check, rows, others=others) == (True, "a match for every value")
    assert judged(check, {"customer": [1, 7, 7]}, others=others) == (
        False,
        "2 rows without a match, such as customer=7",
    )
    assert check.expected == "each customer to be a id of customers"


@pytest.mark.parametrize("few", [-1, 10_000])
def test_a_reference_to_a_dataset_without_rows(few, monkeypatch):
    """A reference to an empty dataset fails for every value except nulls."""
    monkeypatch.setattr(references, "_FEW_VALUES", few)
    others = {"customers": pl.DataFrame({"a": []}, schema={"a": pl.Int64})}
    assert judged(reference("a", to="customers"), {"a": [1, None]}, others=others) == (
        False,
        "1 rows without a match, such as a=1",
    )


def test_reference_of_several_columns():
    """Referenced columns have the same names unless declared otherwise."""
    others = {"prices": pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})}
    check = reference("a", "b", to="prices")
    assert judged(check, {"a": [1, 2], "b": ["x", "y"]}, others=others)[0]
    assert judged(check, {"a": [1, 2], "b": ["x", "x"]}, others=others)[1] == "1 rows without a match, such as a=2, b=x"
