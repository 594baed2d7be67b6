"""Contracts against the code that publishes, their readers, and settings that override their checks."""

import pytest

from airnub_cli.data_contracts.compatibility import check_data_contracts, check_overridden, check_readers, tells_apart
from airnub_cli.data_contracts.publications import read_publications, with_code

CONTRACT = "departments/alpha_dept/contracts/rain.v1.yaml"
READS = "departments/beta_dept/reads.yaml"
LEAVE = "leave v1 as it was, and publish the change as v2 beside it until beta_dept reads v2"


def wrong_of_readers(house):
    """The mistakes of readers."""
    return house.told(check_readers(house.workspace, read_publications(house.workspace)))


def test_changes_of_unread_fields_are_valid(publishing):
    """Adding a field, removing an unread one, and shortening the key."""
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
def test_a_change_of_a_field_names_its_reader(publishing, old, new, told):
    """With both lines, the expected and found type, and what to do."""
    publishing.change(CONTRACT, old, new)
    assert wrong_of_readers(publishing) == [f"{READS}:8: beta_dept reads rain of alpha_dept/rain v1, {told}; {LEAVE}"]


def test_a_reader_of_nullable_values(publishing):
    """It declares that it accepts null."""
    publishing.change(CONTRACT, "unit: mm", "unit: mm, nullable: true")
    publishing.change(READS, "unit: mm", "unit: mm, nullable: true")
    assert wrong_of_readers(publishing) == []


def test_a_longer_key(publishing):
    """A join by the old key would duplicate rows."""
    publishing.change(CONTRACT, "[place, day]", "[place, day, wind]")
    publishing.change(CONTRACT, "float64, nullable: true", "float64")
    expected = f"expected one row for each place, day, found place, day, wind in {CONTRACT}:4"
    assert wrong_of_readers(publishing) == [f"{READS}:4: beta_dept reads alpha_dept/rain v1, {expected}; {LEAVE}"]
    publishing.change(CONTRACT, "key: [place, day, wind]\n", "")
    assert "expected one row for each place, day, found no key" in wrong_of_readers(publishing)[0]


def test_every_reader_is_named(publishing):
    """Each with its own line."""
    publishing.write("departments/alpha_dept/reads.yaml", (publishing.root / READS).read_text())
    publishing.change(CONTRACT, "rain: {type: float64", "rain: {type: int64")
    first, second = wrong_of_readers(publishing)
    assert first.startswith("departments/alpha_dept/reads.yaml:8: alpha_dept reads rain of alpha_dept/rain v1")
    assert second.startswith("departments/beta_dept/reads.yaml:8: beta_dept reads rain of alpha_dept/rain v1")


def test_a_removed_version(publishing):
    """It has to be kept beside the next one; the message names the existing versions."""
    (publishing.root / CONTRACT).rename(publishing.root / CONTRACT.replace("v1", "v2"))
    assert wrong_of_readers(publishing) == [
        f"{READS}:2: beta_dept reads alpha_dept/rain v1, expected {CONTRACT}, found only v2; "
        "keep v1 beside it until beta_dept reads a different version"
    ]


def test_an_unknown_contract(publishing):
    """With the nearest name, if there is one."""
    publishing.change(READS, "alpha_dept/rain", "alpa_dept/rain")
    [told] = wrong_of_readers(publishing)
    assert told.endswith("found none; did you mean 'alpha_dept/rain'?")
    publishing.change(READS, "alpa_dept/rain", "orders/shipped")
    [told] = wrong_of_readers(publishing)
    assert told.endswith("expected departments/orders/contracts/shipped.v1.yaml, found none")


def test_an_invalid_contract_is_reported_first(publishing):
    """Its readers are not."""
    publishing.change(CONTRACT, "kind", "knid")
    assert wrong_of_readers(publishing) == []


def test_a_retired_department_publishes_nothing(publishing):
    """Its active readers are named."""
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
    """A published version that `reads.yaml` declares; else it is a mistake with its line."""
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


def test_the_sender_of_an_event_may_wait_for_it(publishing):
    """Without an entry in `reads.yaml`; automations need none either."""
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
def test_keys_that_identify_rows(key, wanted, told):
    """Some of the fields do, then all."""
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
def test_a_looser_check_names_its_readers(checking, old, new, line, expected):
    """At the line of `reads.yaml`, like a changed field."""
    assert wrong_of_readers(checking) == []
    checking.change(CONTRACT, old, new)
    [found] = wrong_of_readers(checking)
    assert found.startswith(f"{READS}:{line}: beta_dept re")
    assert expected in found
    assert found.endswith("leave v1 as it was, and publish the change as v2 beside it until beta_dept reads v2")


def test_a_looser_check_on_which_no_reader_relies_breaks_none(checking):
    """A tighter check does not either, since it keeps the promise."""
    checking.change(READS, "      row_count: {check: row_count, minimum: 100}\n", "")
    checking.change(CONTRACT, "minimum: 100", "minimum: 1")
    checking.change(CONTRACT, "within: 36h", "within: 90m")
    checking.change(CONTRACT, "[here, there]", "[here]")
    checking.change(CONTRACT, "minimum: 0}", "minimum: 0.5, maximum: 900}")
    assert wrong_of_readers(checking) == []


def test_without_the_code_nothing_is_reported(checking):
    """Values that a contract omits are in its code, and are checked with it."""
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
    """All mistakes of what is published."""
    return house.told(check_data_contracts(house.workspace))


def test_a_contract_that_is_kept(publishing):
    """No mistake: code may publish more than the contract promises."""
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
def test_code_that_differs_names_the_readers(publishing, old, new, told):
    """At the line of the contract, with the line of each reader."""
    publishing.change(CODE, old, new)
    [found] = wrong(publishing)
    assert found.startswith(f"{CONTRACT}:8: rain: {told}")
    assert found.endswith(f" at alpha_dept.datasets:DATASETS; {READER}")


def test_unread_fields_may_change_on_either_side(publishing):
    """But contract and code must agree."""
    publishing.change(CODE, '"wind": ("float64"', '"wind": ("string"')
    [told] = wrong(publishing)
    assert told.startswith(f"{CONTRACT}:9: wind: expected float64, found string")
    assert told.endswith("; no department reads it: change the contract or the code")
    publishing.change(CONTRACT, "wind: {type: float64", "wind: {type: string")
    assert wrong(publishing) == []


def test_a_longer_key_in_the_code(publishing):
    """Readers that rely on the key are named."""
    publishing.change(CODE, '("place", "day"))', '("place", "day", "wind"))')
    [told] = wrong(publishing)
    assert told.startswith(f"{CONTRACT}:4: expected one row for each place, day, found place, day, wind at")
    assert "read by beta_dept (departments/beta_dept/reads.yaml:4)" in told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("DATASETS", "NOTHING", "expected the publication at alpha_dept.datasets:NOTHING, found: AttributeError"),
        ("alpha_dept.datasets", "alpha_dept.data", "found: ModuleNotFoundError"),
        ("alpha_dept.datasets", "beta_dept.settings", "expected code of alpha_dept, found beta_dept.settings:DATASETS"),
        (
            "datasets:DATASETS",
            "settings:Settings",
            "expected a Dataset or an EventType at alpha_dept.settings:Settings",
        ),
    ],
)
def test_missing_code(publishing, old, new, told):
    """A contract must name existing code."""
    publishing.change(CONTRACT, old, new)
    [found] = wrong(publishing)
    assert found.startswith(f"{CONTRACT}:3: ")
    assert told in found


def test_a_version_without_code(publishing):
    """The mapping of versions has the code of each, so a removed one is reported."""
    publishing.change(CODE, '{"rain":', '{"rain.v2":')
    [told] = wrong(publishing)
    assert told.startswith(f"{CONTRACT}:3: expected rain in alpha_dept.datasets:DATASETS, found rain.v2")


def test_code_of_a_different_version(publishing):
    """It would be published under the wrong version."""
    publishing.change(CODE, '"rain", 1', '"rain", 2')
    [told] = wrong(publishing)
    assert told.endswith("expected the dataset rain v1 at alpha_dept.datasets:DATASETS, found the dataset rain v2")


def test_code_that_raises(publishing):
    """It is a mistake like any other, and all others are reported, too."""
    publishing.change(CODE, "return ContractSchema", "raise ZeroDivisionError; ContractSchema")
    [told] = wrong(publishing)
    assert told.startswith(
        f"{CONTRACT}:3: expected the publication at alpha_dept.datasets:DATASETS, found: ZeroDivision"
    )


def test_broken_sources_are_reported_elsewhere(publishing):
    """They are not imported."""
    publishing.write(CODE, "def")
    assert list(check_data_contracts(publishing.workspace, {"alpha_dept"})) == []


def test_a_real_dataset(publishing):
    """Its columns are compared."""
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
    """The fields of its payload are compared."""
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


def test_nested_types(publishing):
    """White space does not matter; a different scale does, also for readers."""
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
    """A comma ends an unquoted type in YAML; the message suggests quotes."""
    publishing.change(CONTRACT, "rain: {type: float64, unit: mm}", f"rain: {{type: {name}}}")
    found = [one for one in wrong(publishing) if one.startswith(f"{CONTRACT}:8: ")]
    assert any(expected in one for one in found), found


CHECKS = (
    "checks:\n  row_count: {check: row_count, minimum: 100}\n  fresh_day: {check: fresh, column: day, within: 36h}\n"
)


def test_checks_that_are_kept(checking):
    """No mistake."""
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
        ('"row_count": Row', '"rows": Fresh', 11, "expected the publication", None),
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
    """A renamed check keeps the promise."""
    checking.change(CODE, '"fresh_day": ', '"fresh_days": ')
    assert wrong(checking) == []


def test_a_check_that_the_code_lacks(checking):
    """Like a removed field; without a reader, either side may change."""
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


def test_a_contract_without_checks_promises_those_of_its_code(checking):
    """Readers may rely on them, and are named at their own lines."""
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
    """Its own checks and limits of values are compared."""
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


SETTINGS = "configs/variables/alpha_dept/processing.yaml"
READS = "departments/beta_dept/reads.yaml"


def warned(house):
    """All warnings of settings."""
    publications, wrong = with_code(read_publications(house.workspace))
    assert not wrong
    return house.told(check_overridden(house.workspace, publications))


@pytest.mark.parametrize(
    ("limits", "line", "expected", "read"),
    [
        ("checks: {row_count: warn}", 3, "check row_count of alpha_dept/rain v1, expected {check: row_count, min", 11),
        ("fresh_within: 48h", 3, "check fresh_day of alpha_dept/rain v1, expected {check: fresh, column: day, wi", 12),
    ],
)
def test_a_promised_check_that_settings_loosen(checking, limits, line, expected, read):
    """A warning at its line with each reader that relies on it, since operators decide."""
    checking.write(SETTINGS, f"datasets: x\ndataset_limits:\n  rain: {{{limits}}}\n")
    [found] = warned(checking)
    assert found.startswith(f"{SETTINGS}:{line}: warning: alpha_dept promises the {expected}")
    assert found.endswith(f" in these settings; relied on by beta_dept ({READS}:{read})")


def test_an_environment_that_loosens_a_check(checking):
    """The line is in its own file."""
    path = "configs/environments/staging.yaml"
    checking.write(SETTINGS, "datasets: x\n")
    limits = "dataset_limits: {rain: {checks: {row_count: warn}}}"
    checking.write(path, f"description: There.\nvariables:\n  alpha_dept:\n    processing:\n      {limits}\n")
    checking.write(READS, "reads: []\n")
    [found] = warned(checking)
    assert f"{path}:5: warning: alpha_dept promises the check row_count" in found
    assert found.endswith("; no reader relies on it")


@pytest.mark.parametrize(
    "text",
    [
        "dataset_limits:\n  rain: {fresh_within: 12h, checks: {row_count: block}, max_shrink: 1}\n",
        "dataset_limits:\n  other: {checks: {row_count: warn}}\n",
        "dataset_limits:\n  rain: {checks: {row_count: shout}}\n",
        "dataset_limits: many\n",
        "dataset_limits: [\n",
        "",
    ],
)
def test_settings_that_loosen_nothing(checking, text):
    """Invalid ones are reported by the check of the desired state."""
    assert warned(checking) == []
    checking.write(SETTINGS, text)
    assert warned(checking) == []


def test_a_check_that_is_not_promised_may_be_loosened(checking):
    """A contract with `checks: {}` promises none."""
    contract = "departments/alpha_dept/contracts/rain.v1.yaml"
    text = (checking.root / contract).read_text()
    checking.write(contract, text[: text.index("checks:")] + "checks: {}\n")
    checking.write(SETTINGS, "dataset_limits:\n  rain: {checks: {row_count: warn}}\n")
    assert warned(checking) == []


def test_the_settings_of_a_real_dataset(checking):
    """Its declaration with these settings is compared with the contract."""
    pytest.importorskip("polars")
    checking.write(
        "departments/alpha_dept/src/alpha_dept/datasets.py",
        "import polars as pl\nfrom airnub_data import Column, Csv, Dataset\n"
        "from airnub_data.checks import fresh, row_count\n"
        'COLUMNS = {"place": Column(pl.String, one_of=("here", "there")), "day": Column(pl.Date),\n'
        '           "rain": Column(pl.Float64, minimum=0), "wind": Column(pl.Float64, nullable=True)}\n'
        'CHECKS = (row_count(minimum=100), fresh("day", within="24h"))\n'
        'RAIN = Dataset(name="rain", source="rain", reader=Csv(), columns=COLUMNS, checks=CHECKS)\n'
        'DATASETS = {"rain": RAIN}\n',
    )
    checking.write(SETTINGS, "dataset_limits:\n  rain: {fresh_within: 30h, checks: {row_count: warn}}\n")
    [rows] = warned(checking)
    assert "found {check: row_count, minimum: 100, on_fail: warn} in these settings" in rows
