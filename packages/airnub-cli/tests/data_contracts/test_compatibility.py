"""Contracts, and the code that keeps them."""

import pytest

from airnub_cli.data_contracts.compatibility import check_data_contracts

CONTRACT = "departments/alpha_dept/contracts/rain.v1.yaml"
READS = "departments/beta_dept/reads.yaml"
CODE = "departments/alpha_dept/src/alpha_dept/datasets.py"
READER = (
    "read by beta_dept (departments/beta_dept/reads.yaml:8): publish the change as v2 beside it until they read that"
)


def wrong(house):
    """All that is told of what is published."""
    return house.told(check_data_contracts(house.workspace))


def test_a_contract_that_is_kept(publishing):
    """Nothing to tell; to make more than is published, or to promise less, is no mistake."""
    publishing.change(CODE, '"place": (', '"more": ("List(Int8)", True), "place": (')
    publishing.change(CODE, '("float64", True)', '("float64", False)')
    assert wrong(publishing) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"rain": ("float64"', '"rain": ("int64"', "expected float64, found int64"),
        ('"rain": (', '"rian": (', "expected float64, found no such field"),
        (
            '"rain": ("float64", False)',
            '"rain": ("float64", True)',
            "expected a value every time, found one that may be",
        ),
    ],
)
def test_code_that_makes_something_else_names_the_readers(publishing, old, new, told):
    """At the line of the contract, with the line of each reader."""
    publishing.change(CODE, old, new)
    [found] = wrong(publishing)
    assert found.startswith(f"{CONTRACT}:8: rain: {told}")
    assert found.endswith(f" at alpha_dept.datasets:DATASETS; {READER}")


def test_what_nobody_reads_may_change_on_either_side(publishing):
    """But both have to say the same."""
    publishing.change(CODE, '"wind": ("float64"', '"wind": ("string"')
    [told] = wrong(publishing)
    assert told.startswith(f"{CONTRACT}:9: wind: expected float64, found string")
    assert told.endswith("; nobody reads it: change the one or the other")
    publishing.change(CONTRACT, "wind: {type: float64", "wind: {type: string")
    assert wrong(publishing) == []


def test_rows_that_the_code_tells_apart_by_more(publishing):
    """Whoever relies on the key is named."""
    publishing.change(CODE, '("place", "day"))', '("place", "day", "wind"))')
    [told] = wrong(publishing)
    assert told.startswith(f"{CONTRACT}:4: expected one row for each place, day, found place, day, wind at")
    assert "read by beta_dept (departments/beta_dept/reads.yaml:4)" in told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("DATASETS", "NOTHING", "expected what is published at alpha_dept.datasets:NOTHING, found: AttributeError"),
        ("alpha_dept.datasets", "alpha_dept.data", "found: ModuleNotFoundError"),
        ("alpha_dept.datasets", "beta_dept.settings", "expected code of alpha_dept, found beta_dept.settings:DATASETS"),
        (
            "datasets:DATASETS",
            "settings:Settings",
            "expected a Dataset or an EventType at alpha_dept.settings:Settings",
        ),
    ],
)
def test_code_that_is_not_there(publishing, old, new, told):
    """A contract without code is kept by nobody."""
    publishing.change(CONTRACT, old, new)
    [found] = wrong(publishing)
    assert found.startswith(f"{CONTRACT}:3: ")
    assert told in found


def test_a_version_that_is_made_no_more(publishing):
    """What the flow makes is in the mapping, so what is taken out there is told."""
    publishing.change(CODE, '{"rain":', '{"rain.v2":')
    [told] = wrong(publishing)
    assert told.startswith(f"{CONTRACT}:3: expected rain in alpha_dept.datasets:DATASETS, found rain.v2")


def test_code_of_another_version(publishing):
    """It would be told apart by nobody."""
    publishing.change(CODE, '"rain", 1', '"rain", 2')
    [told] = wrong(publishing)
    assert told.endswith("expected the dataset rain v1 at alpha_dept.datasets:DATASETS, found the dataset rain v2")


def test_code_that_cannot_say_what_it_makes(publishing):
    """A mistake like any other, and all others are told, too."""
    publishing.change(CODE, "return ContractSchema", "raise ZeroDivisionError; ContractSchema")
    [told] = wrong(publishing)
    assert told.startswith(
        f"{CONTRACT}:3: expected what is published at alpha_dept.datasets:DATASETS, found: ZeroDivision"
    )


def test_sources_that_cannot_be_read_are_told_elsewhere(publishing):
    """Nothing of them is imported."""
    publishing.write(CODE, "def")
    assert list(check_data_contracts(publishing.workspace, {"alpha_dept"})) == []


def test_a_real_dataset(publishing):
    """Its columns are what is compared."""
    pytest.importorskip("polars")
    text = (
        "import polars as pl\nfrom airnub_data import Column, Csv, Dataset\n"
        'COLUMNS = {"place": Column(pl.String), "day": Column(pl.Date), "rain": Column(pl.Float64),\n'
        '           "wind": Column(pl.Float64, nullable=True)}\n'
        'RAIN = Dataset(name="rain", source="rain", reader=Csv(), columns=COLUMNS, key=("place", "day"))\n'
        'DATASETS = {"rain": RAIN}\n'
    )
    publishing.write(CODE, text.replace('"rain": Column(pl.Float64)', '"rain": Column(pl.Int64)'))
    [told] = wrong(publishing)
    assert told == f"{CONTRACT}:8: rain: expected float64, found int64 at alpha_dept.datasets:DATASETS; {READER}"


def test_a_real_event(publishing):
    """The fields of its payload are what is compared."""
    publishing.write(
        "departments/alpha_dept/src/alpha_dept/events.py",
        "from airnub_prefect.events import EventType\nfrom pydantic import BaseModel\n\n\n"
        "class Shipped(BaseModel):\n    orders: int\n    at: str | None\n\n\n"
        'SHIPPED = EventType("alpha_dept", "shipped", Shipped)\n',
    )
    path = "departments/alpha_dept/contracts/shipped.v1.yaml"
    publishing.write(
        path,
        "kind: event\ndescription: On its way.\ncode: alpha_dept.events:SHIPPED\n"
        "fields:\n  orders: int64\n  at: string\n",
    )
    expected = "at: expected a value every time, found one that may be null at alpha_dept.events:SHIPPED"
    assert wrong(publishing) == [f"{path}:6: {expected}; nobody reads it: change the one or the other"]


def test_types_that_are_built_of_others(publishing):
    """Spaces do not count; another scale does, and readers are held to it too."""
    field = "rain: {type: float64, unit: mm}"
    publishing.change(CONTRACT, field, 'rain: {type: "struct(mm: decimal( 12, 2 ), at: list( date ))"}')
    publishing.change(READS, field, 'rain: "struct(mm:decimal(12,2),at:list(date))"')
    publishing.change(CODE, '"rain": ("float64"', '"rain": ("struct(mm: decimal(12,2), at: list(date))"')
    assert wrong(publishing) == []
    publishing.change(READS, "12,2", "9,2")
    [found] = wrong(publishing)
    assert found.startswith(f"{READS}:8: beta_dept reads rain of alpha_dept/rain v1, expected struct(mm: decimal(9,2)")
    publishing.change(CONTRACT, "12, 2", "9, 2")
    [found] = wrong(publishing)
    assert found.startswith(f"{CONTRACT}:8: rain: expected struct(mm: decimal(9,2), at: list(date)), found struct(mm: ")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("flaot64", "unknown type 'flaot64' (did you mean 'float64'?); types are string, boolean"),
        ('"decimal(12)"', "expected decimal(P,S), such as decimal(12,2); in YAML"),
        ("decimal(12,2)", "in YAML, a type with a comma or a colon is put in quotes"),
    ],
)
def test_a_wrong_type_has_its_line(publishing, name, expected):
    """Without quotes a comma ends the type in YAML; then it is said to put it in quotes."""
    publishing.change(CONTRACT, "rain: {type: float64, unit: mm}", f"rain: {{type: {name}}}")
    found = [one for one in wrong(publishing) if one.startswith(f"{CONTRACT}:8: ")]
    assert any(expected in one for one in found), found


CHECKS = (
    "checks:\n  row_count: {check: row_count, minimum: 100}\n  fresh_day: {check: fresh, column: day, within: 36h}\n"
)


def test_checks_that_are_kept(checking):
    """Nothing to tell."""
    assert wrong(checking) == []


def test_checks_that_are_tighter_than_promised(checking):
    """No mistake on either side."""
    checking.change(CODE, "minimum=100", "minimum=200")
    checking.change(CODE, 'within = "36h"', 'within = "12h"')
    checking.change(CODE, "minimum=0", "minimum=1")
    checking.change(CODE, '("here", "there")', '("here",)')
    assert wrong(checking) == []
    checking.change(CONTRACT, "minimum: 100", "minimum: 150")
    assert wrong(checking) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "expected", "read"),
    [
        (
            "minimum=100",
            "minimum=10",
            11,
            "check row_count: expected {check: row_count, minimum: 100, on_fail: block}",
            11,
        ),
        (
            'on_fail = "block"',
            'on_fail = "warn"',
            11,
            "on_fail: block}, found {check: row_count, minimum: 100, on_f",
            11,
        ),
        ('"row_count": Row', '"rows": Fresh', 11, "expected what is published", None),
        (
            'within = "36h"',
            'within = "2d"',
            12,
            "within: 36h, on_fail: block}, found {check: fresh, column: day, within: 2d",
            12,
        ),
        ("minimum=0", "minimum=-5", 8, "rain: expected at least 0, found at least -5", 8),
        ('("here", "there")', '("here", "there", "x")', 6, "place: expected one of here, there, found x as well", 6),
    ],
)
def test_code_that_checks_less_names_the_readers(checking, old, new, line, expected, read):
    """At the line of the contract, with the line of each reader that relies on it."""
    checking.change(CODE, old, new)
    [found] = wrong(checking)
    assert expected in found
    if read is not None:
        assert found.startswith(f"{CONTRACT}:{line}: ")
        assert f"read by beta_dept ({READS}:{read}): publish the change as v2 beside it" in found


def test_a_check_that_has_a_new_name_in_the_code(checking):
    """What it says is what was promised."""
    checking.change(CODE, '"fresh_day": ', '"fresh_days": ')
    assert wrong(checking) == []


def test_a_check_that_the_code_lacks(checking):
    """As a field that is gone; where no reader relies on it, either side may change."""
    checking.change(CODE, '"fresh_day": ', '"fresh_days": ')
    checking.change(CODE, 'column="day", within=self.within', 'column="rain", within=self.within')
    [found] = wrong(checking)
    assert found.startswith(
        f"{CONTRACT}:12: check fresh_day: expected {{check: fresh, column: day, within: 36h, on_fail"
    )
    assert "found no such check at alpha_dept.datasets:DATASETS; read by beta_dept" in found
    checking.change(READS, "      fresh_day: {check: fresh, column: day, within: 36h}\n", "")
    [found] = wrong(checking)
    assert found.endswith("no reader relies on it: change the one or the other")


def test_a_contract_that_says_nothing_of_checks_promises_those_of_its_code(checking):
    """As one of before there were checks: a reader may rely on them, and is named at its own line."""
    checking.change(CONTRACT, CHECKS, "")
    checking.change(CONTRACT, ", minimum: 0", "")
    checking.change(CODE, "minimum=100", "minimum=10")
    checking.change(CODE, "minimum=0", "minimum=-5")
    [rain, rows] = sorted(wrong(checking), reverse=True)
    assert rain.startswith(
        f"{READS}:8: beta_dept reads rain of alpha_dept/rain v1, expected at least 0, found at least -5"
    )
    assert rows.startswith(f"{READS}:11: beta_dept relies on the check row_count of alpha_dept/rain v1, expected {{")
    assert "minimum: 10, on_fail: block} at alpha_dept.datasets:DATASETS; leave v1 as it was, and publish" in rows


def test_a_real_dataset_with_checks(checking):
    """Its own checks and limits of values are what is compared."""
    pytest.importorskip("polars")
    checking.write(
        CODE,
        "import polars as pl\nfrom airnub_data import Column, Csv, Dataset\n"
        "from airnub_data.checks import fresh, row_count\n"
        'COLUMNS = {"place": Column(pl.String, one_of=("here", "there")), "day": Column(pl.Date),\n'
        '           "rain": Column(pl.Float64, minimum=0), "wind": Column(pl.Float64, nullable=True)}\n'
        'CHECKS = (row_count(minimum=100), fresh("day", within="36h"))\n'
        'RAIN = Dataset(name="rain", source="rain", reader=Csv(), columns=COLUMNS, key=("place", "day"),\n'
        "               checks=CHECKS)\n"
        'DATASETS = {"rain": RAIN}\n',
    )
    checking.change(CODE, 'within="36h"', 'within="48h", on_fail="warn"')
    [found] = wrong(checking)
    assert "found {check: fresh, column: day, within: 2d, on_fail: warn} at alpha_dept.datasets:DATASETS" in found
