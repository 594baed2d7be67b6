"""Checks in a run: blocked commits, records of results, and unchanged versions."""

import pickle
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from airnub_core import Status
from airnub_core.contracts.limits import DatasetLimits
from airnub_data import Column, Csv, Dataset, Day, evaluation, make_dataset, scan_dataset
from airnub_data.checks import expression, fresh, function, reference, row_count, row_count_change, unique
from airnub_data.evaluation import CheckError
from airnub_data.outcome import dataset_outcome
from airnub_data.record import Record
from airnub_data.table import Table
from airnub_data.testing import write_rows
from airnub_data.versions import history

HEADER = b"id,email,at\n"


def declared(*checks, **changes):
    columns = {
        "id": Column(pl.Int64),
        "email": Column(pl.String, nullable=True),
        "at": Column(pl.Datetime("us", "UTC"), nullable=True),
    }
    given = {"key": ("id",), "partition_by": Day("at"), "max_shrink": "100%", "parquet_copy": False, **changes}
    return Dataset(name="users", source="shop", reader=Csv(), columns=columns, checks=checks, **given)


def row(number, email="", at=""):
    return f"{number},{email},{at}\n".encode()


def at(hours):
    """Return the time a number of hours ago."""
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def emails(location):
    return sorted(scan_dataset(location, declared()).select("email").collect().to_series().to_list())


@pytest.fixture
def outcome(store, location):
    """Make the dataset, and return its outcome."""
    return lambda dataset, **given: dataset_outcome(dataset, store, location, **given)


def test_what_blocks_leaves_the_old_version_in_place(fill, outcome, location):
    """A failed check fails the item; the message names the check, the expected and found values, and what to do."""
    dataset = declared(unique("email"))
    fill({"a": HEADER + row(1, "x")})
    assert outcome(dataset).kind is Status.STORED
    fill({"b": HEADER + row(2, "x") + row(3, "y")})
    failed = outcome(dataset)
    assert failed.kind is Status.FAILED
    assert str(failed.error) == (
        "users: check unique_email: expected each email once, found 1 duplicate rows, such as email=x; nothing was "
        "committed; the previous version stays. Correct the source or the declaration, let it warn "
        "(dataset_limits: {users: {checks: {unique_email: warn}}}), or accept it once: run processing --accept users"
    )
    assert [(one.name, one.passed) for one in failed.checks] == [("unique_email", False)]
    assert emails(location) == ["x"]
    assert Table.open(location, "users").version == 0
    fill({"b": HEADER + row(2, "z")})
    assert outcome(dataset).kind is Status.UPDATED
    assert emails(location) == ["x", "z"]


@pytest.mark.parametrize("at_once", [0, 5, 100])
def test_uniqueness_is_judged_alike_however_many_hashes_one_pass_collects(fill, outcome, monkeypatch, at_once):
    """The result is the same whether no hashes, those of the first check or those of both checks are collected."""
    monkeypatch.setattr(evaluation, "HASHES_AT_ONCE", at_once)
    fill(
        {
            "a": HEADER
            + row(1, "x", "2026-01-01T00:00Z")
            + row(2, "y", "2026-01-01T00:00Z")
            + row(3, "x", "2026-01-02T00:00Z")
        }
    )
    checks = unique("email"), unique("at", name="times"), unique("email", "at", name="both")
    failed = outcome(declared(*checks, expression("positive", pl.col("id") > 0)))
    assert [(one.name, one.passed) for one in failed.checks] == [
        ("unique_email", False),
        ("times", False),
        ("both", True),
        ("positive", True),
    ]
    assert "found 1 duplicate rows, such as email=x; check times" in str(failed.error)


def test_the_first_version_is_stopped_too(fill, outcome, location):
    """A blocked first version leaves no table."""
    fill({"a": HEADER + row(1, "x")})
    assert outcome(declared(row_count(minimum=2))).kind is Status.FAILED
    assert Table.open(location, "users") is None


def test_a_warning_commits_and_is_reported(fill, outcome, location):
    """A warning is in the outcome and in the commit, also in unchanged runs as long as the check fails."""
    dataset = declared(unique("email", on_fail="warn"), row_count(minimum=1))
    fill({"a": HEADER + row(1, "x") + row(2, "x")})
    stored = outcome(dataset)
    warning = "check unique_email: expected each email once, found 1 duplicate rows, such as email=x"
    assert (stored.kind, stored.warning) == (Status.STORED, warning)
    [commit] = history(location, "users")
    assert commit.record["checks"] == [
        {
            "name": "unique_email",
            "passed": False,
            "on_fail": "warn",
            "expected": "each email once",
            "found": "1 duplicate rows, such as email=x",
            "value": 1,
            "unit": "duplicate rows",
        },
        {
            "name": "row_count",
            "passed": True,
            "on_fail": "block",
            "expected": "at least 1 rows",
            "found": "2 rows",
            "value": 2,
            "unit": "rows",
        },
    ]
    assert Record.last(Table.open(location, "users")).checks == stored.checks
    assert stored.as_json()["checks"] == commit.record["checks"]
    assert (outcome(dataset).kind, outcome(dataset).warning) == (Status.UNCHANGED, warning)


def test_what_is_accepted_passes_once(fill, outcome, location):
    """An accepted failure is recorded in the commit; the next change is evaluated again."""
    dataset = declared(unique("email"))
    fill({"a": HEADER + row(1, "x") + row(2, "x")})
    assert outcome(dataset).kind is Status.FAILED
    accepted = outcome(dataset, accept=True)
    assert (accepted.kind, accepted.rows) == (Status.STORED, 2)
    assert accepted.warning.startswith("check unique_email: expected each email once")
    record = Record.last(Table.open(location, "users"))
    assert (record.accepted, record.checks[0].passed) == (True, False)
    assert outcome(dataset).kind is Status.UNCHANGED
    fill({"b": HEADER + row(3, "z")})
    assert outcome(dataset).kind is Status.FAILED


@pytest.mark.parametrize(
    ("check", "found"),
    [
        (expression("gone", pl.col("nowhere") > 0), "that it cannot be evaluated: ColumnNotFoundError"),
        (expression("number", pl.col("id") + 1), "that it cannot be evaluated: TypeError: expected an expression that"),
        (expression("types", pl.col("id") > pl.lit("x").str.to_date("%Y")), "that it cannot be evaluated: "),
        (function(lambda _rows: {}["x"], name="broken"), "that it cannot be evaluated: KeyError: 'x'"),
        (function(lambda _rows: None, name="nothing"), "that it cannot be evaluated: TypeError: expected True, False"),
        (reference("email", to="people"), "that it cannot be evaluated: DatasetError: people: expected a dataset in"),
        (
            reference("email", to="hr/people"),
            "that it cannot be evaluated: DatasetError: hr/people: expected a c",
        ),
    ],
)
def test_a_check_that_cannot_be_evaluated_fails(fill, outcome, check, found):
    """The check fails, and the others are still evaluated."""
    fill({"a": HEADER + row(1, "x")})
    failed = outcome(declared(check, row_count(minimum=1), expression("fits", pl.col("id") > 0)))
    assert failed.kind is Status.FAILED
    assert failed.checks[0].found.startswith(found)
    assert [one.passed for one in failed.checks] == [False, True, True]


def test_a_function_of_a_library_that_fails_while_rows_are_read(fill, outcome):
    """If the pass over all checks fails, each check is evaluated separately."""
    fill({"a": HEADER + row(1, "x")})
    broken = pl.col("email").map_batches(lambda _values: {}["x"], return_dtype=pl.Boolean)
    failed = outcome(declared(expression("broken", broken), expression("fits", pl.col("id") > 0)))
    assert [one.passed for one in failed.checks] == [False, True]
    assert "KeyError" in failed.checks[0].found


def test_over_what_the_run_touches(fill, outcome):
    """Only new files are compared: a repeated value in a different partition is found only over the whole table."""
    touched, table = unique("email", name="touched", over="touched", on_fail="warn"), unique("email", on_fail="warn")
    rule = expression("cheap", pl.col("id") < 9, over="touched", on_fail="warn")
    dataset = declared(touched, table, rule)
    fill({"a": HEADER + row(1, "x", "2024-03-01T00:00:00Z") + row(10, "y", "2024-03-01T00:00:00Z")})
    assert [one.passed for one in outcome(dataset).checks] == [True, True, False]
    fill({"b": HEADER + row(2, "x", "2024-04-01T00:00:00Z")})
    assert [one.passed for one in outcome(dataset).checks] == [True, False, True]
    fill({"c": HEADER + row(3, "x", "2024-04-01T00:00:00Z")})
    assert [one.passed for one in outcome(dataset).checks] == [False, False, True]


def test_nothing_is_touched_where_rows_only_leave(fill, outcome):
    """If rows are only removed, a check of new rows passes unevaluated, and a check of the table is evaluated."""
    seen = []
    dataset = declared(
        function(lambda rows: seen.append(rows.collect().height) or True, name="counted", over="touched"),
        row_count(minimum=2, on_fail="warn"),
    )
    fill({"a": HEADER + row(1, "x", "2024-03-01T00:00:00Z"), "b": HEADER + row(2, "y", "2024-04-01T00:00:00Z")})
    outcome(dataset)
    fill({"b": HEADER})
    changed = outcome(dataset)
    assert (changed.kind, seen) == (Status.UPDATED, [2])
    assert [(one.passed, one.found) for one in changed.checks] == [(True, "no new rows"), (False, "1 rows")]


def test_against_the_last_versions(fill, outcome):
    """The row counts of previous versions are read from their commits."""
    dataset = declared(row_count_change(max_shrink="20%", max_growth="50%"))
    many = b"".join(row(number) for number in range(10))
    fill({"a": HEADER + many})
    assert outcome(dataset).checks[0].found == "10 rows, and no version before"
    fill({"a": HEADER + many + row(11)})
    assert outcome(dataset).kind is Status.UPDATED
    fill({"a": HEADER + row(1)})
    assert "found 1 rows, and 10 in the median of 2 versions" in str(outcome(dataset).error)
    fill({"a": HEADER + many + b"".join(row(number) for number in range(20, 30))})
    assert "at most 20% fewer and at most 50% more rows than the median" in str(outcome(dataset).error)


def test_a_reference_to_a_dataset_of_the_department(fill, outcome, location):
    """A dataset of the same department is referenced by its table name, at its newest version."""
    people = Dataset(name="people", source="hr", reader=Csv(), columns={"mail": Column(pl.String)})
    write_rows(location, people, pl.DataFrame({"mail": ["x", "y"]}))
    dataset = declared(reference("email", to="people", to_columns="mail"))
    fill({"a": HEADER + row(1, "x") + row(2)})
    assert outcome(dataset).kind is Status.STORED
    fill({"b": HEADER + row(3, "z")})
    assert "expected each email to be a mail of people, found 1 rows without a match, such as email=z" in str(
        outcome(dataset).error
    )
    write_rows(location, people, pl.DataFrame({"mail": ["z", "x"]}))
    assert outcome(dataset).kind is Status.UPDATED


def test_freshness_is_that_of_the_whole_table(fill, outcome):
    """Freshness considers kept files, through the Delta log, even if a run adds only older rows."""
    dataset = declared(fresh("at", within="36h"))
    fill({"a": HEADER + row(1, "x", at(1))})
    assert outcome(dataset).kind is Status.STORED
    fill({"b": HEADER + row(2, "y", at(100))})
    assert outcome(dataset).kind is Status.UPDATED
    fill({"a": HEADER + row(1, "x", at(99))})
    assert "check fresh_at: expected a value of at within the last 36h, found" in str(outcome(dataset).error)


@pytest.mark.parametrize(("on_fail", "kind"), [("warn", Status.UNCHANGED), ("block", Status.FAILED)])
def test_an_unchanged_dataset_that_became_stale(fill, store, location, outcome, on_fail, kind):
    """An unchanged dataset fails when it becomes stale, and its version stays current."""
    fill({"a": HEADER + row(1, "x", at(5))})
    make_dataset(declared(fresh("at", within="36h")), store, location)
    stale = declared(fresh("at", within="2h", on_fail=on_fail))
    found = outcome(stale)
    assert found.kind is kind
    assert "expected a value of at within the last 2h" in (found.warning or str(found.error))
    assert "which is 5.0 hours old" in found.checks[0].found
    assert Table.open(location, "users").version == 0
    accepted = outcome(stale, accept=True)
    assert (accepted.kind, accepted.checks[0].passed) == (Status.UNCHANGED, False)


def test_a_check_that_changed_makes_nothing_again(fill, store, location):
    """A changed check is evaluated with the next version; no rows are made again."""
    fill({"a": HEADER + row(1, "x") + row(2, "x")})
    make_dataset(declared(), store, location)
    made = make_dataset(declared(unique("email")), store, location)
    assert (made.changed, made.version, made.checks) == (False, 0, ())


def test_settings_have_the_last_word(fill, outcome):
    """Settings change the effect of failures and the maximum age; unset ones keep the declared values."""
    dataset = declared(fresh("at", within="2h"), unique("email"), row_count(minimum=1))
    fill({"a": HEADER + row(1, "x", at(5)) + row(2, "x", at(5))})
    assert outcome(dataset).kind is Status.FAILED
    relaxed = dataset.with_limits(DatasetLimits(fresh_within="48h", checks={"unique_email": "warn"}))
    stored = outcome(relaxed)
    assert (stored.kind, [one.passed for one in stored.checks]) == (Status.STORED, [True, False, True])
    assert [one.on_fail for one in stored.checks] == ["block", "warn", "block"]
    strict = relaxed.with_limits(DatasetLimits(fresh_within="60m"))
    assert outcome(strict).kind is Status.FAILED


def test_types_are_those_of_the_declaration(fill, outcome):
    """Checks see the declared types, not those that Delta stores, and no internal columns."""
    seen = []

    def look(rows):
        seen.append(rows.collect_schema())
        return True

    dataset = Dataset(
        name="users",
        source="shop",
        reader=Csv(),
        columns={"id": Column(pl.UInt32), "at": Column(pl.Datetime("ms", "UTC"), nullable=True)},
        checks=(function(look),),
    )
    fill({"a": b"id,at\n1,\n"})
    assert outcome(dataset).kind is Status.STORED
    assert seen == [pl.Schema({"id": pl.UInt32, "at": pl.Datetime("ms", "UTC")})]


def test_a_table_without_rows(fill, outcome):
    """Every check can be evaluated on an empty table."""
    fill({"a": HEADER})
    checks = (unique("email"), expression("cheap", pl.col("id") < 9), row_count(maximum=9))
    found = outcome(declared(*checks))
    assert (found.kind, [one.passed for one in found.checks]) == (Status.STORED, [True, True, True])


def test_checks_in_a_bucket(fill, store, bucket):
    """Checks read new files from the bucket."""
    fill({"a": HEADER + row(1, "x", at(1)) + row(2, "x", at(1))})
    dataset = declared(unique("email"), fresh("at", within="36h"), expression("cheap", pl.col("id") < 9))
    with pytest.raises(CheckError, match="found 1 duplicate rows, such as email=x"):
        make_dataset(dataset, store, bucket)
    fill({"a": HEADER + row(1, "x", at(1)) + row(2, "y", at(1))})
    assert [one.passed for one in make_dataset(dataset, store, bucket).checks] == [True, True, True]
    assert not make_dataset(dataset, store, bucket).changed


def test_many_failures_are_named_up_to_three(fill, store, location):
    """The message names three failed checks; the error has all of them, also after pickling."""
    fill({"a": HEADER + row(1, "x")})
    checks = [expression(f"wrong_{number}", pl.col("id") > 9) for number in range(5)]
    with pytest.raises(CheckError, match=r"check wrong_2: .*; and 2 more checks; nothing was committed") as caught:
        make_dataset(declared(*checks), store, location)
    assert "wrong_3" not in str(caught.value)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.checks) == (str(caught.value), caught.value.checks)
    assert len(copy.checks) == 5
