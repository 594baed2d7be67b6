"""Readers whom a change would break."""

import pytest

from airnub_cli.data_contracts.publications import read_publications
from airnub_cli.data_contracts.readers import check_readers, tells_apart

CONTRACT = "departments/alpha_dept/contracts/rain.v1.yaml"
READS = "departments/beta_dept/reads.yaml"
LEAVE = "leave v1 as it was, and publish the change as v2 beside it until beta_dept reads that"


def wrong(house):
    """What is told of readers."""
    return house.told(check_readers(house.workspace, read_publications(house.workspace)))


def test_nothing_that_nobody_reads_breaks_anybody(publishing):
    """A field more, one less that is not read, and a shorter key, are no mistake."""
    assert wrong(publishing) == []
    publishing.change(CONTRACT, "  wind: {type: float64, nullable: true}\n", "  snow: float64\n")
    publishing.change(CONTRACT, "[place, day]", "[place]")
    assert wrong(publishing) == []


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
    assert wrong(publishing) == [f"{READS}:8: beta_dept reads rain of alpha_dept/rain v1, {told}; {LEAVE}"]


def test_a_reader_that_can_do_without_takes_what_may_be_null(publishing):
    """It says so."""
    publishing.change(CONTRACT, "unit: mm", "unit: mm, nullable: true")
    publishing.change(READS, "unit: mm", "unit: mm, nullable: true")
    assert wrong(publishing) == []


def test_rows_that_are_told_apart_by_more(publishing):
    """Who joins by the old key would get rows twice."""
    publishing.change(CONTRACT, "[place, day]", "[place, day, wind]")
    publishing.change(CONTRACT, "float64, nullable: true", "float64")
    expected = f"expected one row for each place, day, found place, day, wind in {CONTRACT}:4"
    assert wrong(publishing) == [f"{READS}:4: beta_dept reads alpha_dept/rain v1, {expected}; {LEAVE}"]
    publishing.change(CONTRACT, "key: [place, day, wind]\n", "")
    assert "expected one row for each place, day, found no key" in wrong(publishing)[0]


def test_every_reader_is_named(publishing):
    """Each with a line of its own."""
    publishing.write("departments/alpha_dept/reads.yaml", (publishing.root / READS).read_text())
    publishing.change(CONTRACT, "rain: {type: float64", "rain: {type: int64")
    first, second = wrong(publishing)
    assert first.startswith("departments/alpha_dept/reads.yaml:8: alpha_dept reads rain of alpha_dept/rain v1")
    assert second.startswith("departments/beta_dept/reads.yaml:8: beta_dept reads rain of alpha_dept/rain v1")


def test_a_version_that_is_gone(publishing):
    """It has to stay beside the next one; the message says which there is."""
    (publishing.root / CONTRACT).rename(publishing.root / CONTRACT.replace("v1", "v2"))
    assert wrong(publishing) == [
        f"{READS}:2: beta_dept reads alpha_dept/rain v1, expected {CONTRACT}, found v2 alone; "
        "keep v1 beside it until beta_dept reads another"
    ]


def test_a_name_that_nobody_publishes(publishing):
    """The nearest one is named; without one near, none."""
    publishing.change(READS, "alpha_dept/rain", "alpa_dept/rain")
    [told] = wrong(publishing)
    assert told.endswith("found none; did you mean 'alpha_dept/rain'?")
    publishing.change(READS, "alpa_dept/rain", "orders/shipped")
    [told] = wrong(publishing)
    assert told.endswith("expected departments/orders/contracts/shipped.v1.yaml, found none")


def test_a_contract_that_is_wrong_breaks_nobody_yet(publishing):
    """It is told by itself first."""
    publishing.change(CONTRACT, "kind", "knid")
    assert wrong(publishing) == []


def test_a_department_that_retires_makes_nothing_any_more(publishing):
    """Who is still active and reads it is named."""
    publishing.change("configs/departments.yaml", "status: active", "status: retired")
    [told] = wrong(publishing)
    assert told.startswith(f"{READS}:2: beta_dept reads alpha_dept/rain v1, expected somebody active, found")
    publishing.change("configs/departments.yaml", "status: active", "status: retired")
    assert wrong(publishing) == []
    publishing.write("configs/departments.yaml", "departments: nobody\n")
    assert wrong(publishing) == []


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
    assert wrong(publishing) == [f"{waits} an event in {contract}, found none"]
    publishing.write(contract, (publishing.root / CONTRACT).read_text())
    assert wrong(publishing) == [f"{waits} an event in {contract}, found none"]
    publishing.write(contract, EVENT)
    [told] = wrong(publishing)
    assert told.startswith(f"{waits} alpha_dept/shipped v1 in reads.yaml of beta_dept, found")
    publishing.write(READS, EVENT_READS)
    assert wrong(publishing) == []


def test_who_sends_an_event_may_wait_for_it(publishing):
    """Its own needs no word in `reads.yaml`; and neither does an automation, which is nobody's."""
    path = "departments/alpha_dept/prefect.yaml"
    publishing.write(path, (publishing.root / path).read_text() + TRIGGER)
    publishing.write("configs/automations/notify.yaml", "expect: [airnub.alpha_dept.shipped.v1]\n")
    notify, trigger = wrong(publishing)
    assert notify.startswith(
        "configs/automations/notify.yaml:1: notify waits for airnub.alpha_dept.shipped.v1, expected"
    )
    assert trigger.startswith(f"{path}:10: alpha_dept waits for")
    publishing.write("departments/alpha_dept/contracts/shipped.v1.yaml", EVENT)
    assert wrong(publishing) == []


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
    assert wrong(checking) == []
    checking.change(CONTRACT, old, new)
    [found] = wrong(checking)
    assert found.startswith(f"{READS}:{line}: beta_dept re")
    assert expected in found
    assert found.endswith("leave v1 as it was, and publish the change as v2 beside it until beta_dept reads that")


def test_a_looser_check_on_which_no_reader_relies_breaks_none(checking):
    """Nor does a tighter one: readers get what they relied on, and more."""
    checking.change(READS, "      row_count: {check: row_count, minimum: 100}\n", "")
    checking.change(CONTRACT, "minimum: 100", "minimum: 1")
    checking.change(CONTRACT, "within: 36h", "within: 90m")
    checking.change(CONTRACT, "[here, there]", "[here]")
    checking.change(CONTRACT, "minimum: 0}", "minimum: 0.5, maximum: 900}")
    assert wrong(checking) == []


def test_of_code_that_is_not_known_nothing_is_reported(checking):
    """What a contract leaves out is in its code, which is looked at with it."""
    checking.change(CONTRACT, "checks:", "#")
    for line in (
        "  row_count: {check: row_count, minimum: 100}\n",
        "  fresh_day: {check: fresh, column: day, within: 36h}\n",
    ):
        checking.change(CONTRACT, line, "")
    checking.change(CONTRACT, ", minimum: 0", "")
    assert wrong(checking) == []
