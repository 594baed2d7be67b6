"""Contracts, and the code that keeps them."""

import pytest

from airnub_cli.check.published import check_published

CONTRACT = "departments/alpha_dept/contracts/rain.v1.yaml"
READS = "departments/beta_dept/reads.yaml"
CODE = "departments/alpha_dept/src/alpha_dept/datasets.py"
READER = (
    "read by beta_dept (departments/beta_dept/reads.yaml:8): publish the change as v2 beside it until they read that"
)


def wrong(house):
    """All that is told of what is published."""
    return house.told(check_published(house.workspace))


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
    publishing.change(CODE, "return Published", "raise ZeroDivisionError; Published")
    [told] = wrong(publishing)
    assert told.startswith(
        f"{CONTRACT}:3: expected what is published at alpha_dept.datasets:DATASETS, found: ZeroDivision"
    )


def test_sources_that_cannot_be_read_are_told_elsewhere(publishing):
    """Nothing of them is imported."""
    publishing.write(CODE, "def")
    assert list(check_published(publishing.workspace, {"alpha_dept"})) == []


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
