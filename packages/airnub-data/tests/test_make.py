import csv
import gzip
import io
import multiprocessing
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from airnub_core.errors import DatasetError
from airnub_core.store.clock import elapsed, timestamp
from airnub_core.store.factory import open_store
from airnub_core.store.index import IndexRow
from airnub_core.store.withdrawal import Withdrawal, withdraw
from airnub_data import Column, Csv, Dataset, Day, Hash, Limits, Location, Month, Year, make_dataset, scan_dataset
from airnub_data.columns import OBJECT, RECORD
from airnub_data.inputs import InputObject
from airnub_data.keys import moved_keys
from airnub_data.make import changed_objects
from airnub_data.partitioning import Partitioning
from airnub_data.table import Table

WIDE = Limits("100%", "100%")
HEADER = b"id,price,at\n"


def ids(location, dataset):
    return scan_dataset(location, dataset).sort("id").select("id", "price").collect().rows()


def test_what_was_ingested_becomes_a_table(fill, store, location, orders):
    """Rows are typed and have their origin; a second run commits nothing."""
    fill({"a": HEADER + b"1,9.99,2024-03-01T00:00:00Z\n2,1,\n"})
    made = make_dataset(orders, store, location)
    assert (made.new, made.changed, made.version, made.record.rows) == (True, True, 0, 2)
    rows = scan_dataset(location, orders, internal=True).sort("id").collect()
    assert rows.schema["price"] == pl.Decimal(12, 2)
    assert rows["at"].to_list() == [datetime(2024, 3, 1, tzinfo=UTC), None]
    assert rows[RECORD].to_list() == [2, 3]
    assert rows[OBJECT].str.starts_with("sha256:").all()
    again = make_dataset(orders, store, location)
    assert (again.changed, again.version) == (False, 0)


def test_datasets_in_the_store_are_refused(fill, store, orders):
    """A location inside the store is rejected: the store would treat the files as orphaned objects and remove them."""
    fill({"a": HEADER + b"1,9.99,\n"})
    with pytest.raises(DatasetError, match=r"expected datasets outside of the store .*change `datasets`"):
        make_dataset(orders, store, Location(store / "datasets"))
    assert not (store / "datasets").exists()


def test_a_retention_that_changes_is_that_of_the_tables(fill, store, location, orders):
    """A new retention is set for the table and its quarantine without making rows again."""
    fill({"a": HEADER + b"1,9.99,\n" * 20 + b"x,1,\n"})
    make_dataset(orders, store, location)
    longer = replace(orders, retention=timedelta(days=90))
    assert [make_dataset(longer, store, location).changed for _ in range(2)] == [False, False]
    for name in ("orders", "orders.quarantine"):
        table = DeltaTable(location.uri(name))
        assert table.version() == 1
        assert table.metadata().configuration["delta.logRetentionDuration"] == "interval 2160 hours"
    fill({"a": HEADER + b"1,8,\n"})
    assert make_dataset(longer, store, location).version == 2


def test_the_object_that_became_current_last_wins(fill, store, location, orders):
    """A correction replaces the row with the same key, and the replaced row is counted."""
    fill({"a": HEADER + b"1,9.99,2024-03-01T00:00:00Z\n", "b": HEADER + b"1,5,2024-03-02T00:00:00Z\n"})
    made = make_dataset(orders, store, location)
    assert [price for _, price in ids(location, orders)] == [5]
    assert (made.record.rows_read, made.record.rows, made.record.superseded) == (2, 1, 1)


def test_a_key_that_moves_to_another_partition_leaves_the_old_one(fill, store, location, orders):
    """The old partition loses the key, and gets it back when the newer row is withdrawn."""
    fill({"a": HEADER + b"1,1,2024-03-01T00:00:00Z\n2,2,2024-03-01T00:00:00Z\n"})
    make_dataset(orders, store, location)
    fill({"b": HEADER + b"1,7,2024-05-01T00:00:00Z\n"})
    make_dataset(orders, store, location)
    assert [(number, int(price)) for number, price in ids(location, orders)] == [(1, 7), (2, 2)]
    fill({"b": HEADER + b"3,7,2024-05-01T00:00:00Z\n"})
    make_dataset(orders, store, location)
    assert [(number, int(price)) for number, price in ids(location, orders)] == [(1, 1), (2, 2), (3, 7)]


def test_the_rows_of_a_withdrawn_url_leave(fill, store, location, orders):
    """Rows that a withdrawn URL had superseded come back; fetching the URL again restores its own rows."""
    fill({"a": HEADER + b"1,1,2024-03-01T00:00:00Z\n", "b": HEADER + b"1,7,2024-03-01T00:00:00Z\n2,2,\n"})
    make_dataset(orders, store, location, limits=WIDE)
    forget(store, lambda current: max(current, key=lambda row: row.changed_at))
    assert make_dataset(orders, store, location, limits=WIDE).changed
    assert [(number, int(price)) for number, price in ids(location, orders)] == [(1, 1)]
    fill({"b": HEADER + b"1,7,2024-03-01T00:00:00Z\n2,2,\n"})
    make_dataset(orders, store, location, limits=WIDE)
    assert [(number, int(price)) for number, price in ids(location, orders)] == [(1, 7), (2, 2)]


def test_a_change_costs_its_partition_alone(fill, store, location, orders):
    """Files of other partitions stay unchanged."""
    fill({"a": HEADER + b"1,1,2024-03-01T00:00:00Z\n2,2,2024-04-01T00:00:00Z\n"})
    make_dataset(orders, store, location)
    before = set(Table.open(location, "orders").files())
    fill({"b": HEADER + b"2,3,2024-04-02T00:00:00Z\n"})
    make_dataset(orders, store, location)
    after = set(Table.open(location, "orders").files())
    assert {path.partition("/")[0] for path in before & after} == {"2024-03"}
    assert {path.partition("/")[0] for path in after - before} == {"2024-04"}


def test_rows_that_do_not_fit_are_in_quarantine_with_their_text(fill, store, location, orders):
    """Quarantined rows have every reason and their first time in quarantine; corrected rows leave it."""
    many = b"".join(b"%d,1,\n" % number for number in range(20))
    fill({"a": HEADER + many + b"x,-1,\n"})
    made = make_dataset(orders, store, location)
    [row] = pl.read_delta(location.uri("orders.quarantine")).to_dicts()
    assert row["text"] == "x,-1,"
    assert row["reason"] == "id: expected a whole number (Int64), found x; price: expected at least 0, found -1"
    assert row[RECORD] == 22
    assert (made.record.quarantined, made.record.quarantine_version) == (1, 0)
    assert [(one.rule, one.rows) for one in made.violations] == [
        ("id: expected a whole number (Int64)", 1),
        ("price: expected at least 0", 1),
    ]
    fill({"a": HEADER + many + b"99,1,\n"})
    assert make_dataset(orders, store, location).record.rows == 21
    assert pl.read_delta(location.uri("orders.quarantine")).is_empty()


def test_the_first_time_that_a_row_was_seen_survives_another_rule(fill, store, location, orders):
    """A changed rule keeps the time when a row was first seen."""
    fill({"a": HEADER + b"x,-1,\n1,1,\n"})
    make_dataset(orders, store, location, limits=WIDE)
    [before] = pl.read_delta(location.uri("orders.quarantine")).to_dicts()
    looser = Dataset(
        name="orders", source="shop", reader=Csv(), key=("id",), partition_by=Month("at"),
        columns={**orders.columns, "price": Column(pl.Decimal(12, 2))},
    )  # fmt: skip
    make_dataset(looser, store, location, limits=WIDE)
    [after] = pl.read_delta(location.uri("orders.quarantine")).to_dicts()
    assert after["first_seen"] == before["first_seen"]
    assert after["reason"] == "id: expected a whole number (Int64), found x"


def test_too_many_rows_in_quarantine_stop_the_commit(fill, store, location, orders):
    """The previous version stays current, and the error has counts and reasons; `accept` commits once."""
    fill({"a": HEADER + b"1,1,\n"})
    make_dataset(orders, store, location)
    fill({"a": HEADER + b"1,1,\nx,1,\n"})
    with pytest.raises(
        DatasetError, match=r"at most 10% .* found 1 of 2; nothing was committed; .*id: expected a whole number"
    ) as caught:
        make_dataset(orders, store, location)
    assert "--accept orders" in str(caught.value)
    assert Table.open(location, "orders").version == 0
    made = make_dataset(orders, store, location, accept=True)
    assert (made.version, made.record.accepted, made.record.quarantined) == (1, True, 1)


def test_a_commit_within_the_limits_is_not_recorded_as_accepted(fill, store, location, orders):
    """`accept` is recorded only if a limit was exceeded."""
    fill({"a": HEADER + b"1,1,\n"})
    assert not make_dataset(orders, store, location, accept=True).record.accepted


def test_a_table_does_not_lose_most_of_its_rows_unnoticed(fill, store, location, orders):
    """A commit that removes most or all rows is rejected."""
    fill({"a": HEADER + b"1,1,\n2,1,\n3,1,\n"})
    make_dataset(orders, store, location)
    fill({"a": HEADER})
    with pytest.raises(DatasetError, match=r"lose at most 50% of 3 rows \(max_shrink\), found 0 rows left"):
        make_dataset(orders, store, location)
    assert len(ids(location, orders)) == 3
    made = make_dataset(orders, store, location, accept=True)
    assert (made.record.rows, made.record.accepted) == (0, True)


def test_a_file_of_the_version_before_counts_as_rows_that_were_there(fill, store, location, orders):
    """A dataset that was a single Parquet file in the previous release is not replaced by an empty table."""
    location.root.mkdir()
    pl.DataFrame({"id": [1, 2, 3]}).write_parquet(location.root / "orders.parquet")
    fill({"a": HEADER})
    with pytest.raises(DatasetError, match="lose at most 50% of 3 rows"):
        make_dataset(orders, store, location)
    fill({"a": HEADER + b"1,1,\n2,1,\n3,1,\n"})
    assert make_dataset(orders, store, location).record.rows == 3


def test_a_new_column_evolves_the_table(fill, store, location, orders):
    """A new column is added, and earlier versions stay readable; a removed or changed column requires a new version."""
    fill({"a": b"id,price,at,note\n1,1,,new\n"})
    make_dataset(orders, store, location)

    def declared(**columns):
        return Dataset(name="orders", source="shop", reader=Csv(), key=("id",), columns=columns)

    wider = {**orders.columns, "note": Column(pl.String, nullable=True)}
    made = make_dataset(declared(**wider), store, location)
    assert scan_dataset(location, declared(**wider)).collect()["note"].to_list() == ["new"]
    assert "note" not in scan_dataset(location, declared(**wider), as_of=0).collect_schema()
    with pytest.raises(DatasetError, match="expected price to stay decimal"):
        make_dataset(declared(**{**wider, "price": Column(pl.Float64)}), store, location)
    with pytest.raises(DatasetError, match="the column note of its table, found it gone"):
        make_dataset(declared(**orders.columns), store, location)
    assert Table.open(location, "orders").version == made.version


def test_a_store_that_is_not_there_is_an_error(tmp_path, orders, location):
    """The error says what to run, and no store is created in a misconfigured folder."""
    expected = rf"expected a content store in {tmp_path / 'gone'}, found no such folder; run the ingestion first"
    with pytest.raises(DatasetError, match=expected):
        make_dataset(orders, tmp_path / "gone", location)
    assert not (tmp_path / "gone").exists()


def test_a_source_without_objects_is_an_error(fill, store, location, orders):
    """The error says what to run."""
    fill({"a": b"{}"}, name="orders.json")
    with pytest.raises(
        DatasetError,
        match=r"expected \.csv files of shop in .*, found none; run the ingestion first, or see `store failed`",
    ):
        make_dataset(orders, store, location)


def test_a_reader_of_ones_own_that_raises_is_a_failed_dataset(fill, store, location):
    """The error contains the line in the department's code."""

    def read(content: bytes) -> pl.DataFrame:
        raise KeyError("rows")

    dataset = Dataset(name="orders", source="shop", reader=read, columns={"id": Column(pl.Int64)})
    fill({"a": b"x"})
    with pytest.raises(DatasetError, match=r"read, line \d+, found KeyError: 'rows'"):
        make_dataset(dataset, store, location)


def test_derived_columns_are_checked_like_others(fill, store, location):
    """Derived columns are validated, and `_record` is available to `derive`."""
    dataset = Dataset(
        name="orders", source="shop", reader=Csv(), columns={"id": Column(pl.Int64)},
        derived={"half": Column(pl.Float64, maximum=2)},
        derive=lambda rows: rows.with_columns(half=pl.col("id") / 2),
    )  # fmt: skip
    fill({"a": b"id\n1\n9\n"})
    make_dataset(dataset, store, location, limits=WIDE)
    assert scan_dataset(location, dataset).collect().rows() == [(1, 0.5)]
    assert pl.read_delta(location.uri("orders.quarantine"))["reason"].to_list() == [
        "half: expected at most 2, found 4.5"
    ]


def test_rows_without_a_key_are_all_kept(fill, store, location, monkeypatch):
    """Large objects keep their staged files as table files, and small ones share one file."""
    monkeypatch.setattr("airnub_data.partition_files._OWN_FILE", 3)
    dataset = Dataset(name="log", source="shop", reader=Csv(), columns={"id": Column(pl.Int64)})
    fill({"a": b"id\n1\n1\n2\n", "b": b"id\n7\n", "c": b"id\n8\n"})
    make_dataset(dataset, store, location)
    assert scan_dataset(location, dataset).collect()["id"].sort().to_list() == [1, 1, 2, 7, 8]
    assert len(Table.open(location, "log").files()) == 2


def test_large_partitions_are_several_files(fill, store, location, orders, monkeypatch):
    """A large partition is split by the hash of the key; each key is in one of its files."""
    monkeypatch.setattr("airnub_data.partition_files.LARGEST", 10)
    rows = b"".join(b"%d,1,2024-03-01T00:00:00Z\n" % (number % 20) for number in range(45))
    fill({"a": HEADER + rows})
    made = make_dataset(orders, store, location)
    assert len(Table.open(location, "orders").files()) == 5
    assert [number for number, _ in ids(location, orders)] == list(range(20))
    assert (made.record.rows, made.record.superseded) == (20, 25)


def test_moved_keys_are_looked_for_among_those_that_changed(fill, store, location, orders, monkeypatch):
    """The search is restricted to changed objects if they have few of the rows."""
    looked: list[int | None] = []

    def spy(dataset, objects, hashes=None):
        looked.append(None if hashes is None else len(hashes))
        return moved_keys(dataset, objects, hashes)

    monkeypatch.setattr("airnub_data.make.moved_keys", spy)
    fill({"a": HEADER + b"".join(b"%d,1,2024-03-01T00:00:00Z\n" % number for number in range(40))})
    make_dataset(orders, store, location)
    fill({"b": HEADER + b"7,2,2024-04-01T00:00:00Z\n"})
    made = make_dataset(orders, store, location)
    assert (made.record.rows, made.record.superseded) == (40, 1)
    fill({"b": HEADER + b"8,2,2024-04-01T00:00:00Z\n"})
    make_dataset(orders, store, location)
    assert looked == [None, 1, 2]
    assert [number for number, _ in ids(location, orders)] == list(range(40))


def test_another_order_of_objects_names_those_that_moved():
    """Only reordered objects are returned; all others keep their relative order."""

    def of(text):
        return [InputObject(letter, letter, "shop", "") for letter in text]

    assert [one.digest for one in changed_objects(of("abcd"), of("abcd"))] == []
    assert [one.digest for one in changed_objects(of("abcd"), of("acdb"))] == ["b"]
    assert [one.digest for one in changed_objects(of("abcd"), of("bdx"))] == ["x", "a", "c"]
    assert [one.digest for one in changed_objects([], of("ab"))] == ["a", "b"]


# --- Invariant: after any order and number of runs, the table equals a build from all current objects ---------------

URLS = [str(number) for number in range(6)]
TURNS = int(os.environ.get("AIRNUB_TURNS", "4"))
"""Number of steps in a sequence of runs; `.ci/run reliability` uses more."""


def random_rows(chance: random.Random) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["id", "v", "at", "u"])
    for _ in range(chance.randint(0, 40)):
        at = datetime(2024, 1, 1) + timedelta(days=chance.randint(0, 120))  # noqa: DTZ001  # of text without a zone
        writer.writerow(
            [
                chance.randint(1, 60),
                "bad" if chance.random() < 0.05 else chance.randint(0, 999),
                "" if chance.random() < 0.1 else at.isoformat(),
                "" if chance.random() < 0.3 else chance.randint(0, 5),
            ]
        )
    return text.getvalue().encode()


def current_contents(store: Path) -> list[tuple[str, bytes]]:
    """Return digest and bytes of every current object, in the order in which they became current."""
    with open_store(store) as (objects, index):
        newest: dict[str, tuple[str, str]] = {}
        for known in index.current("shop"):
            newest[known.digest] = max((known.changed_at, known.path), newest.get(known.digest, ("", "")))
        ordered = sorted(newest.items(), key=lambda one: (one[1][0], one[0]))
        return [(digest, objects.read(path, digest)) for digest, (_, path) in ordered]


def expected_rows(contents: list[tuple[str, bytes]], latest: str | None) -> tuple[list[tuple], int]:
    """Compute the expected rows and the number of invalid rows from nothing, in plain Python."""
    best: dict[int, tuple] = {}
    bad = 0
    for position, (digest, content) in enumerate(contents):
        for line, row in enumerate(csv.DictReader(io.StringIO(content.decode())), 2):
            if row["v"] == "bad":
                bad += 1
                continue
            at = datetime.fromisoformat(row["at"]).replace(tzinfo=UTC) if row["at"] else None
            updated = int(row["u"]) if row["u"] else None
            rank = ((updated is not None, updated or 0) if latest else (), position, line)
            number = int(row["id"])
            if number not in best or best[number][0] < rank:
                best[number] = (rank, (number, int(row["v"]), at, updated, digest, line))
    return sorted((row for _, row in best.values()), key=repr), bad


def declared(partition_by: Partitioning | None, latest: str | None) -> Dataset:
    return Dataset(
        name="table", source="shop", reader=Csv(), key=("id",), latest=latest, partition_by=partition_by,
        columns={
            "id": Column(pl.Int64), "v": Column(pl.Int64), "at": Column(pl.Datetime("us", "UTC"), nullable=True),
            "u": Column(pl.Int64, nullable=True),
        },
    )  # fmt: skip


def rows_of(location: Location, dataset: Dataset) -> list[tuple]:
    rows = scan_dataset(location, dataset, internal=True).select("id", "v", "at", "u", OBJECT, RECORD)
    return sorted(rows.collect().rows(), key=repr)


@pytest.mark.system
@pytest.mark.parametrize("latest", [None, "u"])
@pytest.mark.parametrize(
    "partition_by", [None, Month("at"), Day("at"), Year("at"), Hash("id", 4), Hash("v", 3)], ids=str
)
def test_any_sequence_of_runs_comes_to_the_same(fill, store, location, partition_by, latest):
    """New versions, withdrawals and a deleted stage lead to the same table as an independent computation."""
    chance = random.Random(f"{partition_by} {latest}")
    dataset = declared(partition_by, latest)
    for turn in range(TURNS):
        contents = {chance.choice(URLS): random_rows(chance) for _ in range(chance.randint(not turn, 3))}
        if contents and chance.random() < 0.3:
            contents[chance.choice(URLS)] = next(iter(contents.values()))
        fill(contents)
        if turn and chance.random() < 0.3:
            forget(store, chance.choice)
        if chance.random() < 0.2:
            shutil.rmtree(location.stage, ignore_errors=True)
        if turn and chance.random() < 0.3:
            continue
        made = make_dataset(dataset, store, location, limits=WIDE)
        rows, bad = expected_rows(current_contents(store), latest)
        assert rows_of(location, dataset) == rows
        assert (made.record.rows, made.record.quarantined) == (len(rows), bad)
        assert not make_dataset(dataset, store, location).changed


def forget(store: Path, choose: Callable[[Sequence[IndexRow]], IndexRow]) -> None:
    """Withdraw one of the current URLs, if there are any."""
    with open_store(store) as (content, index):
        current = index.current("shop")
        if current:
            gone, now = choose(current), timestamp(elapsed() + index.clock())
            withdrawn = withdraw(content, index, [Withdrawal("shop", gone.url_digest, gone.url, now, "store forget")])
            assert withdrawn == [True]


def _make_again(store: Path, location: Location, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        make_dataset(declared(Month("at"), None), store, location, limits=WIDE)


@pytest.mark.system
def test_a_run_may_be_killed_anywhere(fill, store, location):
    """The next run leads to the same table, and a reader never sees a partial commit."""
    chance = random.Random(7)
    dataset = declared(Month("at"), None)
    context = multiprocessing.get_context("spawn")
    for turn in range(4):
        fill({chance.choice(URLS): random_rows(chance) for _ in range(3)})
        process = context.Process(target=_make_again, args=(store, location, 30))
        process.start()
        time.sleep(0.6 + 0.25 * turn)  # the moment within the run differs from machine to machine
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        if Table.open(location, "table") is not None:
            rows_of(location, dataset)
        make_dataset(dataset, store, location, limits=WIDE)
        assert rows_of(location, dataset) == expected_rows(current_contents(store), None)[0]


@pytest.mark.system
def test_two_writers_never_double_a_row(fill, store, location):
    """One of two concurrent commits is rejected, and its writer retries."""
    chance = random.Random(3)
    dataset = declared(Month("at"), None)
    failed: list[BaseException] = []

    def write() -> None:
        try:
            make_dataset(dataset, store, location, limits=WIDE)
        except BaseException as error:  # noqa: BLE001  # of a thread: raised below
            failed.append(error)

    for _ in range(6):
        fill({chance.choice(URLS): random_rows(chance) for _ in range(2)})
        writers = [threading.Thread(target=write) for _ in range(3)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert not failed
        assert rows_of(location, dataset) == expected_rows(current_contents(store), None)[0]


def test_a_new_column_is_reported_each_time(fill, store, location, orders):
    """A new column is reported with object and line by every run until the object is withdrawn."""
    fill({"a": HEADER + b"1,1,\n", "b": b"id,price,at,fee\n2,2,,3\n"})
    made = make_dataset(orders, store, location)
    [drift] = made.drift
    assert (drift.kind, drift.column, drift.record, drift.objects) == ("new", "fee", 1, 1)
    assert drift.object.startswith("shop/")
    assert "fee" not in scan_dataset(location, orders).collect_schema()
    assert make_dataset(orders, store, location).drift == made.drift
    fill({"c": HEADER + b"3,3,\n"})
    assert make_dataset(orders, store, location).drift == made.drift
    fill({"b": HEADER + b"2,2,\n"})
    assert make_dataset(orders, store, location).drift == ()


def test_a_new_column_may_fail_the_dataset(fill, store, location, orders):
    """The previous version stays current until the column is declared or accepted; later runs need no acceptance."""
    strict = replace(orders, on_new_column="fail")
    fill({"a": HEADER + b"1,1,\n"})
    make_dataset(strict, store, location)
    fill({"a": b"id,price,at,fee\n1,2,,3\n"})
    with pytest.raises(DatasetError, match=r"on_new_column='fail'\), found new column fee in shop/.*, line 1"):
        make_dataset(strict, store, location)
    assert ids(location, orders) == [(1, 1)]
    assert make_dataset(strict, store, location, accept=True).changed
    assert not make_dataset(strict, store, location).changed


def test_on_new_column_makes_nothing_again(fill, store, location, orders):
    """A change of `on_new_column` makes no rows again, since the drift is in the commit."""
    fill({"a": b"id,price,at,fee\n1,2,,3\n"})
    make_dataset(replace(orders, on_new_column="ignore"), store, location)
    assert not make_dataset(orders, store, location).changed
    with pytest.raises(DatasetError, match="new column fee"):
        make_dataset(replace(orders, on_new_column="fail"), store, location)


def test_a_column_of_a_different_type_is_reported(fill, store, location, orders):
    """A type difference is reported if at least half of an object's values have it; fewer are only quarantined."""
    fill({"a": HEADER + b"".join(b"%d,1,\n" % number for number in range(8)) + b"9,x,\n"})
    assert make_dataset(orders, store, location, limits=WIDE).drift == ()
    fill({"b": HEADER + b"20,one,\n21,two,\n"})
    [drift] = make_dataset(orders, store, location, limits=WIDE).drift
    assert (drift.kind, drift.column, drift.record) == ("type", "price", 2)
    assert drift.detail.endswith("found one (2 of 2 values)")


def test_a_missing_column_fails_the_dataset(fill, store, location, orders):
    """The previous version stays current; the message contains the file and its columns, but no internal column."""
    fill({"a": HEADER + b"1,1,\n"})
    make_dataset(orders, store, location)
    fill({"a": b"id,cost,at\n1,2,\n"})
    with pytest.raises(
        DatasetError, match=r"expected the columns price .*, found id, cost, at, of .* \(shop/"
    ) as caught:
        make_dataset(orders, store, location)
    assert not {OBJECT, RECORD, "_beyond"} & set(str(caught.value).replace(",", "").split())
    assert ids(location, orders) == [(1, 1)]
    derived = replace(orders, derive=lambda rows: rows.drop("price"))
    fill({"a": HEADER + b"1,1,\n"})
    with pytest.raises(DatasetError, match="expected the columns price from `derive`, found id, at"):
        make_dataset(derived, store, location)


@pytest.mark.parametrize("damage", ["cut off", "flipped"])
def test_a_damaged_gzip_file_fails_as_a_whole(fill, store, location, orders, damage):
    """Every zlib error fails the dataset; an intact gzip file is read, also with a `.gz` name."""
    content = gzip.compress(HEADER + b"".join(b"%d,1,\n" % number for number in range(5000)))
    middle = len(content) // 2
    broken = content[:middle] if damage == "cut off" else content[:middle] + bytes(99) + content[middle + 99 :]
    fill({"a": broken}, name="orders.csv.gz")
    with pytest.raises(DatasetError, match=r"expected a whole gzip file in shop/.*orders.csv.gz"):
        make_dataset(orders, store, location)
    fill({"a": content}, name="orders.csv.gz")
    assert make_dataset(orders, store, location).record.rows == 5000
