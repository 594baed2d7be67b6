"""Published checks: their form in contracts, and which check implies which."""

import pytest
from pydantic import TypeAdapter, ValidationError

from airnub_core.contracts.checks import Checks, FieldValues, PublishedCheck, loosened_check

ONE = TypeAdapter(PublishedCheck)
ROWS = {"check": "row_count", "minimum": 1000}
CHANGE = {"check": "row_count_change", "max_shrink": "20%"}
UNIQUE = {"check": "unique", "columns": ["a", "b"]}
FRESH = {"check": "fresh", "column": "at", "within": "36h"}
REFERENCE = {"check": "reference", "columns": ["a"], "to": "customers", "to_columns": ["name"]}
EXPRESSION = {"check": "expression", "expected": "it to be cheap"}


def loosened(wanted, found, name="one", other="one"):
    """Return the message about a guarantee that `found` is compared with."""
    return loosened_check(name, ONE.validate_python(wanted), {other: ONE.validate_python(found)})


@pytest.mark.parametrize("wanted", [ROWS, CHANGE, UNIQUE, FRESH, REFERENCE, EXPRESSION, {"check": "function"}])
def test_a_check_keeps_itself_and_never_one_that_blocks_by_a_warning(wanted):
    """A check implies itself; a blocking check implies a warning one, but not the other way round."""
    warns = {**wanted, "on_fail": "warn"}
    assert loosened(wanted, wanted) is None
    assert loosened(warns, wanted) is None
    difference = loosened(wanted, warns)
    assert difference.count("on_fail: block") == 1
    assert difference.endswith("on_fail: warn}")
    assert loosened_check("one", ONE.validate_python(wanted), {}).endswith("on_fail: block}, found no such check")


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        (ROWS, {"minimum": 999}),
        (ROWS, {"minimum": None, "maximum": 5000}),
        ({**ROWS, "maximum": 5000}, {"maximum": None}),
        ({**ROWS, "maximum": 5000}, {"maximum": 5001}),
        (CHANGE, {"max_shrink": "21%"}),
        (CHANGE, {"max_shrink": 10}),
        (CHANGE, {"max_shrink": None, "max_growth": "5%"}),
        (CHANGE, {"versions": 3}),
        (UNIQUE, {"columns": ["a", "b", "c"]}),
        (UNIQUE, {"over": "touched"}),
        (FRESH, {"within": "37h"}),
        (FRESH, {"column": "sold_at"}),
        (REFERENCE, {"to": "people"}),
        (REFERENCE, {"to_columns": ["id"]}),
        (REFERENCE, {"columns": ["a", "c"], "to_columns": ["name", "c"]}),  # rows whose c is null are ignored
        (REFERENCE, {"over": "touched"}),
        (EXPRESSION, {"over": "touched"}),
        (EXPRESSION, {"check": "function"}),
    ],
)
def test_what_allows_more_is_a_looser_check(wanted, changes):
    """The message contains the guaranteed and the found check."""
    found = {**wanted, **changes}
    difference = loosened(wanted, found)
    assert difference == f"{ONE.validate_python(wanted)}, found {ONE.validate_python(found)}"


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        (ROWS, {"minimum": 1001, "maximum": 5000}),
        (CHANGE, {"max_shrink": "19.5%", "max_growth": 7}),
        (UNIQUE, {"columns": ["b"]}),
        ({**UNIQUE, "over": "touched"}, {"over": "table"}),
        (FRESH, {"within": "1d"}),
        (EXPRESSION, {"expected": "something in other words"}),
    ],
)
def test_what_allows_less_keeps_the_promise(wanted, changes):
    """A stricter check fulfils the guarantee of a looser one."""
    assert loosened(wanted, {**wanted, **changes}) is None


def test_a_check_that_is_data_keeps_its_promise_under_a_new_name():
    """Checks that are data are compared by content; expressions and functions by name only."""
    assert loosened(ROWS, ROWS, other="rows") is None
    assert loosened(EXPRESSION, EXPRESSION, other="cheap").endswith("found no such check")


def test_a_message_shows_a_check_as_contracts_write_it():
    """A check is formatted on one line, with the effect of its failure."""
    shown = "{check: reference, columns: [a], to: customers, to_columns: [name], over: table, on_fail: block}"
    assert str(ONE.validate_python(REFERENCE)) == shown
    assert str(ONE.validate_python(FRESH)) == "{check: fresh, column: at, within: 36h, on_fail: block}"


@pytest.mark.parametrize(
    ("wanted", "found", "difference"),
    [
        ({"minimum": 0}, {"minimum": -5}, "at least 0, found at least -5"),
        ({"minimum": 0}, {}, "at least 0, found no minimum"),
        ({"maximum": 9.5}, {"maximum": 10}, "at most 9.5, found at most 10"),
        ({"maximum": 9}, {"minimum": 0}, "at most 9, found no maximum"),
        ({"one_of": ("a", "b")}, {"one_of": ("b", "c", "d")}, "one of a, b, found c, d as well"),
        ({"one_of": ("a", "b")}, {}, "one of a, b, found any value"),
        ({"minimum": 0, "maximum": 9}, {"minimum": 0.5, "maximum": 9}, None),
        ({"one_of": ("a", "b")}, {"one_of": ("b",)}, None),
        ({}, {"minimum": 0}, None),
    ],
)
def test_values_that_a_field_may_have(wanted, found, difference):
    """A wider range and an additional value are looser."""
    assert FieldValues(**wanted).loosened_by(FieldValues(**found)) == difference


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ({"one": {"check": "uniqe", "columns": ["a"]}}, "uniqe.*'unique', 'row_count'"),
        ({"One": ROWS}, "One.*pattern"),
        ({"one": {"check": "row_count"}}, "expected minimum or maximum, found neither"),
        ({"one": {**ROWS, "maximum": 10}}, "expected minimum up to maximum, found 1000 and 10"),
        ({"one": {"check": "row_count_change"}}, "expected max_shrink or max_growth, found neither"),
        ({"one": {**CHANGE, "max_shrink": "many"}}, "a share such as '5%'"),
        ({"one": {**UNIQUE, "columns": ["a", "a"]}}, "expected each once, found a more than once"),
        ({"one": {**FRESH, "within": "soon"}}, "expected a number of minutes, hours, days or weeks"),
        ({"one": {**REFERENCE, "to_columns": ["a", "b"]}}, "expected 1 to_columns, found 2"),
        ({"one": {**FRESH, "over": "table"}}, "over.*Extra inputs"),
        ({"one": {**ROWS, "on_fail": "shout"}}, "'warn' or 'block'"),
    ],
)
def test_a_mistake_names_its_place(checks, expected):
    """The error has the location of the mistake and the expectation."""
    with pytest.raises(ValidationError, match=f"(?s){expected}"):
        TypeAdapter(Checks).validate_python(checks)


@pytest.mark.parametrize("values", [{"minimum": 2, "maximum": 1}, {"one_of": []}, {"minimum": "0"}, {"minimum": True}])
def test_values_that_cannot_be_meant(values):
    """Text is not a number, and the minimum is not above the maximum."""
    with pytest.raises(ValidationError):
        FieldValues(**values)
