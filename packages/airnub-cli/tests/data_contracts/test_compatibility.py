"""Readers whom a change would break.
Contracts, and the code that keeps them.
"""

import pytest

from airnub_cli.data_contracts.compatibility import check_data_contracts, check_readers, tells_apart
from airnub_cli.data_contracts.publications import read_publications

CONTRACT = "departments/alpha_dept/contracts/rain.v1.yaml"
READS = "departments/beta_dept/reads.yaml"
LEAVE = "leave v1 as it was, and publish the change as v2 beside it until beta_dept reads v2"


def wrong_of_readers(house):
    """What is told of readers."""
    return house.told(check_readers(house.workspace, read_publications(house.workspace)))


def test_nothing_that_nobody_reads_breaks_anybody(publishing):
    """A field more, one less that is not read, and a shorter key, are no mistake."""
    assert wrong_of_readers(publishing) == []
    publishing.change(CONTRACT, "  wind: {type: float64, nullable: true}\n", "  snow: float64\n")
    publishing.change(CONTRACT, "[place, day]", "[place]")
    assert wrong_of_readers(publishing) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  rain: {type: float64, unit: mm}\n", "", f"expected float64, found no such field in {CONTRACT}:5"),
        ("rain: {type: float64", "rain: {type: float32", f"expected float64, found float32 in {CONTRACT}:8"),
        ("rain: {type: float64", "rain: {type: string", f"expected float64, found string in {CONTRACT}:8"),
        ("unit: mm", "unit: inch", f"expected float64 in mm, found float64 in inch in {CONTRACT}:8"),
        (", unit: mm", "", f"expected float64 in mm, found float64 without a unit in {CONTRACT}:8"),
        ("unit: mm", "unit: mm, nullable: true", f"expected a value every time, found nullable: true in {CONTRACT}:8"),
    ],
)
def test_a_change_of_a_field_names_who_reads_it(publishing, old, new, told):
    """With the line there and the line here, what was expected, what was found, and what to do."""
    publishing.change(CONTRACT, old, new)
    assert wrong_of_readers(publishing) == [f"{READS}:8: beta_dept reads rain of alpha_dept/rain v1, {told}; {LEAVE}"]


def test_a_reader_that_can_do_without_takes_what_may_be_null(publishing):
    """It says so."""
    publishing.change(CONTRACT, "unit: mm", "unit: mm, nullable: true")
    publishing.change(READS, "unit: mm", "unit: mm, nullable: true")
    assert wrong_of_readers(publishing) == []


def test_rows_that_are_told_apart_by_more(publishing):
    """Who joins by the old key would get rows twice."""
    publishing.change(CONTRACT, "[place, day]", "[place, day, wind]")
    publishing.change(CONTRACT, "float64, nullable: true", "float64")
    expected = f"expected one row for each place, day, found place, day, wind in {CONTRACT}:4"
    assert wrong_of_readers(publishing) == [f"{READS}:4: beta_dept reads alpha_dept/rain v1, {expected}; {LEAVE}"]
    publishing.change(CONTRACT, "key: [place, day, wind]\n", "")
    assert "expected one row for each place, day, found no key" in wrong_of_readers(publishing)[0]


def test_every_reader_is_named(publishing):
    """Each with a line of its own."""
    publishing.write("departments/alpha_dept/reads.yaml", (publishing.root / READS).read_text())
    publishing.change(CONTRACT, "rain: {type: float64", "rain: {type: int64")
    first, second = wrong_of_readers(publishing)
    assert first.startswith("departments/alpha_dept/reads.yaml:8: alpha_dept reads rain of alpha_dept/rain v1")
    assert second.startswith("departments/beta_dept/reads.yaml:8: beta_dept reads rain of alpha_dept/rain v1")


def test_a_version_that_is_gone(publishing):
    """It has to stay beside the next one; the message says which there is."""
    (publishing.root / CONTRACT).rename(publishing.root / CONTRACT.replace("v1", "v2"))
    assert wrong_of_readers(publishing) == [
        f"{READS}:2: beta_dept reads alpha_dept/rain v1, expected {CONTRACT}, found only v2; "
        "keep v1 beside it until beta_dept reads a different version"
    ]


def test_a_name_that_nobody_publishes(publishing):
    """The nearest one is named; without one near, none."""
    publishing.change(READS, "alpha_dept/rain", "alpa_dept/rain")
    [told] = wrong_of_readers(publishing)
    assert told.endswith("found none; did you mean 'alpha_dept/rain'?")
    publishing.change(READS, "alpa_dept/rain", "orders/shipped")
    [told] = wrong_of_readers(publishing)
    assert told.endswith("expected departments/orders/contracts/shipped.v1.yaml, found none")


def test_a_contract_that_is_wrong_breaks_nobody_yet(publishing):
    """It is told by itself first."""
    publishing.change(CONTRACT, "kind", "knid")
    assert wrong_of_readers(publishing) == []


def test_a_department_that_retires_makes_nothing_any_more(publishing):
    """Who is still active and reads it is named."""
    publishing.change("configs/departments.yaml", "status: active", "status: retired")
    [told] = wrong_of_readers(publishing)
    assert told.startswith(f"{READS}:2: beta_dept reads alpha_dept/rain v1, expected an active department, found")
    publishing.change("configs/departments.yaml", "status: active", "status: retired")
    assert wrong_of_readers(publishing) == []
    publishing.write("configs/departments.yaml", "departments: nobody\n")
    assert wrong_of_readers(publishing) == []


EVENT = "kind: event\ndescription: On its way.\ncode: alpha_dept.events:SHIPPED\nfields: {orders: int64}\n"
EVENT_READS = "reads: [{contract: alpha_dept/shipped, version: 1, fields: {orders: int64}}]\n"
TRIGGER = (
    "    triggers:\n      # airnub.nobody.sends.v1\n      - expect: [airnub.alpha_dept.shipped.v1]  # airnub.a.b.v1\n"
)


def test_a_trigger_waits_for_a_published_event(publishing):
    """Of a version that somebody sends, and said in what the department reads; else with its line."""
    path = "departments/beta_dept/prefect.yaml"
    publishing.write(path, (publishing.root / path).read_text() + TRIGGER)
    contract = "departments/alpha_dept/contracts/shipped.v1.yaml"
    waits = f"{path}:10: beta_dept waits for airnub.alpha_dept.shipped.v1, expected"
    assert wrong_of_readers(publishing) == [f"{waits} an event in {contract}, found none"]
    publishing.write(contract, (publishing.root / CONTRACT).read_text())
    assert wrong_of_readers(publishing) == [f"{waits} an event in {contract}, found none"]
    publishing.write(contract, EVENT)
    [told] = wrong_of_readers(publishing)
    assert told.startswith(f"{waits} alpha_dept/shipped v1 in reads.yaml of beta_dept, found")
    publishing.write(READS, EVENT_READS)
    assert wrong_of_readers(publishing) == []


def test_who_sends_an_event_may_wait_for_it(publishing):
    """Its own needs no word in `reads.yaml`; and neither does an automation, which is nobody's."""
    path = "departments/alpha_dept/prefect.yaml"
    publishing.write(path, (publishing.root / path).read_text() + TRIGGER)
    publishing.write("configs/automations/notify.yaml", "expect: [airnub.alpha_dept.shipped.v1]\n")
    notify, trigger = wrong_of_readers(publishing)
    assert notify.startswith(
        "configs/automations/notify.yaml:1: notify waits for airnub.alpha_dept.shipped.v1, expected"
    )
    assert trigger.startswith(f"{path}:10: alpha_dept waits for")
    publishing.write("departments/alpha_dept/contracts/shipped.v1.yaml", EVENT)
    assert wrong_of_readers(publishing) == []


@pytest.mark.parametrize(
    ("key", "wanted", "told"),
    [(("a",), ("a", "b"), True), (("a", "b"), ("a",), False), ((), ("a",), False), (("a",), ("a",), True)],
)
def test_rows_told_apart(key, wanted, told):
    """By some of the fields, then by all."""
    assert tells_apart(key, wanted) is told


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        (
            "minimum: 100",
            "minimum: 99",
            11,
            f"found {{check: row_count, minimum: 99, on_fail: block}} in {CONTRACT}:11",
        ),
        ("minimum: 100}", "minimum: 100, on_fail: warn}", 11, f"on_fail: warn}} in {CONTRACT}:11"),
        ("  row_count: {check: row_count, minimum: 100}\n", "", 11, f"found no such check in {CONTRACT}:10"),
        ("within: 36h", "within: 37h", 12, f"within: 37h, on_fail: block}} in {CONTRACT}:12"),
        ("minimum: 0}", "minimum: -1}", 8, f"expected at least 0, found at least -1 in {CONTRACT}:8"),
        ("[here, there]", "[here, there, x]", 6, f"expected one of here, there, found x as well in {CONTRACT}:6"),
    ],
)
def test_a_looser_check_names_who_relies_on_it(checking, old, new, line, expected):
    """At the line of what it says it reads, as a changed field does."""
    assert wrong_of_readers(checking) == []
    checking.change(CONTRACT, old, new)
    [found] = wrong_of_readers(checking)
    assert found.startswith(f"{READS}:{line}: beta_dept re")
    assert expected in found
    assert found.endswith("leave v1 as it was, and publish the change as v2 beside it until beta_dept reads v2")


def test_a_looser_check_on_which_no_reader_relies_breaks_none(checking):
    """Nor does a tighter one: readers get what they relied on, and more."""
    checking.change(READS, "      row_count: {check: row_count, minimum: 100}\n", "")
    checking.change(CONTRACT, "minimum: 100", "minimum: 1")
    checking.change(CONTRACT, "within: 36h", "within: 90m")
    checking.change(CONTRACT, "[here, there]", "[here]")
    checking.change(CONTRACT, "minimum: 0}", "minimum: 0.5, maximum: 900}")
    assert wrong_of_readers(checking) == []


def test_of_code_that_is_not_known_nothing_is_reported(checking):
    """What a contract leaves out is in its code, which is looked at with it."""
    checking.change(CONTRACT, "checks:", "#")
    for line in (
        "  row_count: {check: row_count, minimum: 100}\n",
        "  fresh_day: {check: fresh, column: day, within: 36h}\n",
    ):
        checking.change(CONTRACT, line, "")
    checking.change(CONTRACT, ", minimum: 0", "")
    assert wrong_of_readers(checking) == []


CODE = "departments/alpha_dept/src/alpha_dept/datasets.py"
READER = "read by beta_dept (departments/beta_dept/reads.yaml:8): publish the change as v2 beside it until they read v2"


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
    assert told.endswith("; no department reads it: change the contract or the code")
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
    assert wrong(publishing) == [f"{path}:6: {expected}; no department reads it: change the contract or the code"]


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
    assert found.endswith("no reader relies on it: change the contract or the code")


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
