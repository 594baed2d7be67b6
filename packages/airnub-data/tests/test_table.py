import threading
from datetime import timedelta

import polars as pl
import pytest

from airnub_core.errors import DatasetError, StoreError
from airnub_data.partition_files import described
from airnub_data.table import ConflictError, Table, create

SCHEMA = pl.Schema({"a": pl.Int64()})


@pytest.fixture
def put(location):
    """Write a file with values of `a` into the table `t`, and return it as a commit adds it."""

    def written(name, values):
        target = location.root / "t" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"a": values}, schema=SCHEMA).write_parquet(target)
        return described(name, target)

    return written


def values(location, version=None):
    return Table.open(location, "t", version).scan().collect()["a"].sort().to_list()


def test_a_table_begins_with_its_first_files(location, put):
    """Version 0 has the files and the record."""
    assert create(location, "t", [put("one.parquet", [1, 2])], SCHEMA, {"run": "first"}) == 0
    table = Table.open(location, "t")
    assert (table.version, values(location)) == (0, [1, 2])
    assert table.last().record == {"run": "first"}
    assert [file.rows for file in table.files().values()] == [2]


def test_a_commit_adds_and_removes_at_once(location, put):
    """One commit adds and removes files; earlier versions stay readable."""
    create(location, "t", [put("one.parquet", [1]), put("two.parquet", [2])], SCHEMA, {})
    table = Table.open(location, "t")
    files = table.files()
    assert table.commit([put("three.parquet", [3])], [files["one.parquet"]], SCHEMA, {}) == 1
    assert values(location) == [2, 3]
    assert values(location, 0) == [1, 2]


def test_of_two_commits_from_one_version_the_later_is_refused(location, put):
    """Conflicts are detected even if both commits only add files, which Delta alone would accept."""
    create(location, "t", [], SCHEMA, {})
    first, second = Table.open(location, "t"), Table.open(location, "t")
    first.commit([put("one.parquet", [1])], [], SCHEMA, {})
    with pytest.raises(ConflictError):
        second.commit([put("two.parquet", [1])], [], SCHEMA, {})
    assert values(location) == [1]


def test_of_many_writers_each_round_has_one_winner(location, put):
    """Threads commit concurrently from the same version, and one succeeds per round."""
    create(location, "t", [], SCHEMA, {})
    for turn in range(20):
        tables = [Table.open(location, "t") for _ in range(4)]
        won = []

        def write(number, table, turn=turn, won=won):
            try:
                table.commit([put(f"{turn}-{number}.parquet", [turn])], [], SCHEMA, {})
            except ConflictError:
                return
            won.append(number)

        threads = [threading.Thread(target=write, args=one) for one in enumerate(tables)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
    assert values(location) == list(range(20))


def test_of_two_that_create_a_table_one_is_refused(location, put):
    """The rejected writer opens the table of the other one."""
    create(location, "t", [put("one.parquet", [1])], SCHEMA, {})
    with pytest.raises(ConflictError):
        create(location, "t", [put("two.parquet", [2])], SCHEMA, {})


def test_another_schema_replaces_every_file(location, put):
    """A table has one schema, so a commit with a new one replaces all files."""
    create(location, "t", [put("one.parquet", [1])], SCHEMA, {})
    wider = pl.Schema({"a": pl.Int64(), "b": pl.String()})
    target = location.root / "t" / "two.parquet"
    pl.DataFrame({"a": [2], "b": ["x"]}).write_parquet(target)
    table = Table.open(location, "t")
    table.commit([described("two.parquet", target)], list(table.files().values()), wider, {})
    assert Table.open(location, "t").scan().collect().rows() == [(2, "x")]
    assert values(location, 0) == [1]


def test_the_newest_record_is_found_behind_commits_of_others(location, put):
    """Commits of a vacuum have no record and are skipped."""
    create(location, "t", [put("one.parquet", [1])], SCHEMA, {"run": "ours"})
    put("orphan.parquet", [2])
    Table.open(location, "t").vacuum(0, dry_run=False)
    table = Table.open(location, "t")
    assert table.version > 0
    assert table.last().record == {"run": "ours"}


def test_what_is_not_there(location, put):
    """A missing table is `None`; a missing version and a damaged log are errors."""
    assert Table.open(location, "t") is None
    create(location, "t", [put("one.parquet", [1])], SCHEMA, {})
    with pytest.raises(DatasetError, match="expected a version that is kept, found none for 7"):
        Table.open(location, "t", 7)
    (location.root / "t" / "_delta_log" / f"{0:020}.json").write_text("{")
    with pytest.raises(StoreError):
        Table.open(location, "t")


def test_the_history_of_an_earlier_version_ends_with_it(location, put):
    """Each commit has its own number, time and record."""
    create(location, "t", [put("0.parquet", [0])], SCHEMA, {"n": 0})
    for number in (1, 2):
        Table.open(location, "t").commit([put(f"{number}.parquet", [number])], [], SCHEMA, {"n": number})
    every = list(Table.open(location, "t").history())
    assert list(Table.open(location, "t", 1).history()) == every[1:]
    assert [commit.record["n"] for commit in Table.open(location, "t", 1).history(1)] == [1]
    assert Table.open(location, "t", 0).last().record == {"n": 0}


def test_a_log_that_is_damaged_after_it_was_opened(location, put):
    """A damaged log is a store error, which a run reports."""
    create(location, "t", [put("one.parquet", [1])], SCHEMA, {})
    tables = [Table.open(location, "t"), Table.open(location, "t", 0)]
    for commit in (location.root / "t" / "_delta_log").glob("*.json"):
        commit.write_text("{damaged")
    for table in tables:
        with pytest.raises(StoreError, match="t: "):
            list(table.history())


def test_a_time_before_the_first_version_is_an_error(location, put):
    """Delta would return the first version for an earlier time; negative numbers are errors as well."""
    create(location, "t", [put("one.parquet", [1])], SCHEMA, {})
    at = next(Table.open(location, "t").history()).at
    assert values(location, at + timedelta(seconds=1)) == [1]
    assert values(location, (at + timedelta(seconds=1)).replace(tzinfo=None)) == [1]
    for early in (at - timedelta(seconds=1), (at - timedelta(seconds=1)).replace(tzinfo=None)):
        with pytest.raises(DatasetError, match=r"t: expected a time from .* on, which is version 0, found .*; no earl"):
            Table.open(location, "t", early)
    with pytest.raises(DatasetError, match="expected a version from 0 on, found -1"):
        Table.open(location, "t", -1)
