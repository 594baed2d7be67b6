"""Datasets that are made from other datasets."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from airnub_core.errors import DatasetError, StoreError
from airnub_data import Column, Csv, Dataset, Hash, Limits, Location, make_dataset, read_dataset, scan_dataset
from airnub_data import quarantine as quarantines
from airnub_data.checks import row_count, unique
from airnub_data.columns import OBJECT, RECORD
from airnub_data.evaluation import CheckError
from airnub_data.limits import LimitError
from airnub_data.location import STAGE
from airnub_data.pending import pending
from airnub_data.record import Record
from airnub_data.table import Table
from airnub_data.versions import history, release, rollback, vacuum

PEOPLE = Dataset(
    name="people",
    source="people",
    reader=Csv(),
    columns={"customer": Column(pl.String), "country": Column(pl.String, nullable=True)},
    key=("customer",),
)
SALES = Dataset(
    name="sales",
    source="shop",
    reader=Csv(),
    columns={
        "id": Column(pl.Int64),
        "customer": Column(pl.String),
        "price": Column(pl.Decimal(12, 2)),
        "at": Column(pl.Datetime("ms", "UTC")),
    },
    key=("id",),
    partition_by=Hash("id", 4),
)


def with_country(sales, people):
    return sales.join(people, on="customer", how="left").select("id", "country", "price", "at")


JOINED = Dataset(
    name="sales_by_country",
    inputs=(SALES, PEOPLE),
    transform=with_country,
    columns={
        "id": Column(pl.Int64),
        "country": Column(pl.String, nullable=True, one_of=("ie", "pl")),
        "price": Column(pl.Decimal(12, 2), minimum=0),
        "at": Column(pl.Datetime("ms", "UTC")),
    },
    key=("id",),
    partition_by=Hash("id", 4),
)
SALE = b"id,customer,price,at\n"
PERSON = b"customer,country\n"
TIME = b",2026-01-02T03:04:05.678Z\n"


@pytest.fixture
def deliver(fill, store, location):
    """Deliver sales and people, and make their datasets."""

    def put(sales=None, people=None):
        if sales is not None:
            fill({"sales": SALE + b"".join(line.encode() + TIME for line in sales)})
            make_dataset(SALES, store, location, limits=Limits("100%", "100%"))
        if people is not None:
            fill({"people": PERSON + "\n".join(people).encode()}, source="people", name="people.csv")
            make_dataset(PEOPLE, store, location, limits=Limits("100%", "100%"))

    return put


def rows(location, dataset=JOINED):
    return scan_dataset(location, dataset).sort("id").select("id", "country").collect().rows()


def test_a_dataset_is_made_of_others(deliver, location):
    """Rows are joined in the declared types; the commit has the versions of the inputs; rows have no object."""
    deliver(["1,ada,9.99", "2,bob,1"], ["ada,ie"])
    made = make_dataset(JOINED, None, location)
    assert (made.new, made.changed, made.version) == (True, True, 0)
    found = read_dataset(location, JOINED)
    assert found.schema["at"] == pl.Datetime("ms", "UTC")
    assert rows(location) == [(1, "ie"), (2, None)]
    record = Record.last(Table.open(location, JOINED.stem))
    assert [(one["dataset"], one["version"], one["rows"]) for one in record.input_versions] == [
        ("sales", 0, 2),
        ("people", 0, 1),
    ]
    assert (record.rows_read, record.rows, record.superseded, record.quarantined) == (2, 2, 0, 0)
    traced = scan_dataset(location, JOINED, internal=True).collect()
    assert traced[OBJECT].null_count() == traced[RECORD].null_count() == 2


def test_it_is_made_again_when_an_input_has_other_rows_and_not_otherwise(deliver, store, location):
    """Versions of an input that change no rows, as after a vacuum or an empty commit, have no effect."""
    deliver(["1,ada,9.99"], ["ada,ie"])
    assert make_dataset(JOINED, None, location).changed
    assert not make_dataset(JOINED, None, location).changed
    make_dataset(replace(SALES, retention=timedelta(days=90)), store, location)
    vacuum(location, "sales", timedelta(days=1))
    assert Table.open(location, "sales").version > 0
    assert not make_dataset(JOINED, None, location).changed
    assert [commit.version for commit in history(location, JOINED.stem)] == [0]
    deliver(people=["ada,pl"])
    assert make_dataset(JOINED, None, location).changed
    assert rows(location) == [(1, "pl")]


def test_what_comes_out_as_before_keeps_its_file(deliver, location):
    """One changed row rewrites only its partition; the version records the versions of its inputs."""
    people = [f"p{number},ie" for number in range(200)]
    deliver([f"{number},p{number},1" for number in range(200)], people)
    make_dataset(JOINED, None, location)
    before = set(Table.open(location, JOINED.stem).files())
    assert len(before) == 4
    deliver(people=["p7,pl", *people[:7], *people[8:]])
    made = make_dataset(JOINED, None, location)
    after = set(Table.open(location, JOINED.stem).files())
    assert (made.changed, len(before & after), len(after)) == (True, 3, 4)
    again = set(pl.scan_delta(location.uri(JOINED.stem)).filter(pl.col("country") == "pl").collect()["id"])
    assert again == {7}


def test_the_table_is_that_of_a_build_from_nothing(deliver, tmp_path, location):
    """Incremental and full builds result in the same table and file names, since names are content digests."""
    deliver([f"{number},p{number % 7},1" for number in range(50)], [f"p{number},ie" for number in range(5)])
    make_dataset(JOINED, None, location)
    deliver(sales=[f"{number},p{number % 7},2" for number in range(40)])
    make_dataset(JOINED, None, location)
    deliver(people=[f"p{number},pl" for number in range(6)])
    make_dataset(JOINED, None, location)
    way = Table.open(location, JOINED.stem)
    (location.root / JOINED.stem).rename(tmp_path / "kept")
    make_dataset(JOINED, None, location)
    assert set(Table.open(location, JOINED.stem).files()) == set(way.files())


def test_nothing_is_left_in_the_stage(deliver, location):
    """Temporary rows are removed at the end of an attempt, also after a failure."""
    deliver(["1,ada,9.99"], ["ada,ie"])
    make_dataset(JOINED, None, location)
    with pytest.raises(DatasetError):
        make_dataset(replace(JOINED, transform=lambda sales, people: sales), None, location)
    assert list((location.root / STAGE / JOINED.stem).iterdir()) == []


def test_rows_that_break_a_rule_are_quarantined(deliver, location):
    """Invalid rows are quarantined with their values as text, and keep the time when they were first seen."""
    deliver(["1,ada,9.99", "2,bob,1", "3,cyd,-1"], ["ada,ie", "bob,fr"])
    wide = replace(JOINED, max_quarantined="100%")
    made = make_dataset(wide, None, location)
    assert (made.record.rows, made.record.quarantined) == (1, 2)
    assert sorted(one.rule for one in made.violations) == [
        "country: expected one of ie, pl",
        "price: expected at least 0",
    ]
    bad = quarantines.read(location, JOINED.stem).collect().sort("text")
    assert bad["text"][0] == '{"id":2,"country":"fr","price":"1.00","at":"2026-01-02T03:04:05.678+00:00"}'
    assert bad[OBJECT].null_count() == 2
    deliver(people=["ada,pl", "bob,ie"])
    make_dataset(wide, None, location)
    [left] = quarantines.read(location, JOINED.stem).collect().to_dicts()
    assert left["reason"].startswith("price: expected at least 0")
    assert left["first_seen"] == bad["first_seen"][1]


def test_limits_and_checks_keep_the_version_before(deliver, location):
    """Exceeded limits and failed checks keep the previous version current; `accept` commits."""
    deliver(["1,ada,9.99", "2,bob,1", "3,cyd,1"], ["ada,ie"])
    make_dataset(JOINED, None, location)
    deliver(people=["ada,fr", "bob,fr"])
    with pytest.raises(LimitError, match=r"max_quarantined.*found 2 of 3"):
        make_dataset(JOINED, None, location)
    deliver(people=["ada,ie"])
    deliver(sales=["1,ada,9.99"])
    with pytest.raises(LimitError, match=r"max_shrink.*found 1 rows left"):
        make_dataset(JOINED, None, location)
    checked = replace(JOINED, max_shrink="100%", checks=(row_count(minimum=2), unique("country")))
    with pytest.raises(CheckError, match="check row_count"):
        make_dataset(checked, None, location)
    assert len(rows(location)) == 3
    made = make_dataset(checked, None, location, accept=True)
    assert (made.record.accepted, len(rows(location))) == (True, 1)
    assert [check.passed for check in made.checks] == [False, True]


def test_repeated_keys_are_an_error(deliver, location):
    """A join that multiplies rows is rejected; the message contains a key and what to do."""
    deliver(["1,ada,9.99", "2,bob,1"], ["ada,ie", "bob,ie"])
    doubled = replace(JOINED, transform=lambda sales, people: pl.concat([with_country(sales, people)] * 2))
    with pytest.raises(
        DatasetError, match=r"one row for each id, found 2 rows with id=\d and 2 duplicate rows.*group_by"
    ):
        make_dataset(doubled, None, location)
    assert Table.open(location, JOINED.stem) is None


def test_an_input_without_a_version(deliver, location):
    """The error names the input without a version, and what to run."""
    deliver(["1,ada,9.99"])
    expected = r"expected a version of its input people, found no table .*/people; run the processing, "
    with pytest.raises(DatasetError, match=expected):
        make_dataset(JOINED, None, location)


def test_an_input_that_was_not_made_since_its_declaration_changed(deliver, location):
    """An input whose table lacks declared columns is an error, since the transform may read them."""
    deliver(["1,ada,9.99"], ["ada,ie"])
    later = replace(PEOPLE, columns={**PEOPLE.columns, "city": Column(pl.String, nullable=True)})
    with pytest.raises(DatasetError, match="expected the columns city in version 0 of its input people"):
        make_dataset(replace(JOINED, inputs=(SALES, later)), None, location)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda sales, people: sales.join(people, on="nothing"), "found ColumnNotFoundError"),
        (lambda sales, people: sales, r"expected the columns country from .*, found id, customer, price, at"),
        (lambda sales, people: with_country(sales, people).collect(), "found TypeError: DataFrame, expected a polars"),
        (lambda sales, people: 1 / 0, "found ZeroDivisionError"),
        (
            lambda sales, people: with_country(sales, people).with_columns(pl.col("id").map_elements(lambda _: 1 / 0)),
            "found ",
        ),
    ],
)
def test_a_transform_that_fails(deliver, location, transform, message):
    """Only this dataset fails; the error names the function and its exception."""
    deliver(["1,ada,9.99"], ["ada,ie"])
    with pytest.raises(DatasetError, match=message):
        make_dataset(replace(JOINED, transform=transform), None, location)


def test_an_input_that_was_rolled_back_counts_as_it_is(deliver, location):
    """A rollback of an input propagates to the datasets made from it, and so does the release."""
    deliver(["1,ada,9.99"], ["ada,ie"])
    make_dataset(JOINED, None, location)
    deliver(people=["ada,pl"])
    make_dataset(JOINED, None, location)
    rollback(location, "people", 0)
    assert make_dataset(JOINED, None, location).changed
    assert rows(location) == [(1, "ie")]
    release(location, "people")
    assert not make_dataset(JOINED, None, location).changed


def test_a_joined_dataset_that_is_rolled_back_is_held(deliver, location):
    """A rolled back dataset is held until `release`; the next run makes it from the current inputs."""
    deliver(["1,ada,9.99"], ["ada,ie"])
    make_dataset(JOINED, None, location)
    deliver(people=["ada,pl"])
    make_dataset(JOINED, None, location)
    rollback(location, JOINED.stem, 0)
    assert make_dataset(JOINED, None, location).held
    assert rows(location) == [(1, "ie")]
    assert str(pending(JOINED, None, location)) == "nothing: it was rolled back, and is held until `dataset release`"
    release(location, JOINED.stem)
    assert str(pending(JOINED, None, location)).startswith("people has version 1 after 0; it is made from version 0 of")
    assert make_dataset(JOINED, None, location).changed
    assert rows(location) == [(1, "pl")]


def test_a_quarantine_with_other_rows_is_pending(deliver, location):
    """After a rollback and a release, the quarantine has the rows of the newest run; the next run writes it again."""
    wide = replace(JOINED, max_quarantined="100%")
    for country in ("fr", "ie"):
        deliver(["1,ada,9.99", "2,bob,1"], ["ada,ie", f"bob,{country}"])
        make_dataset(wide, None, location)
    deliver(people=["ada,ie", "bob,fr"])
    rollback(location, JOINED.stem, 0)
    released = release(location, JOINED.stem)
    found = pending(wide, None, location)
    assert (found.nothing, found.quarantine, found.new) == (False, True, ())
    assert str(found).startswith("the rows in quarantine are not those of the last commit; it is made from version ")
    assert make_dataset(wide, None, location).version > released
    assert pending(wide, None, location).nothing


def test_what_the_next_run_would_do(deliver, location):
    """The dry run reports changed inputs and a changed transform."""
    deliver(["1,ada,9.99"], ["ada,ie"])
    assert str(pending(JOINED, None, location)) == "it is made from version 0 of sales, version 0 of people"
    make_dataset(JOINED, None, location)
    assert pending(JOINED, None, location).nothing
    assert str(pending(JOINED, None, location)) == "nothing: up to date with version 0 of sales, version 0 of people"
    other = replace(JOINED, transform=lambda sales, people: with_country(sales, people.head(0)))
    assert str(pending(other, None, location)).startswith("code changed; it is made from version 0 of sales")
    assert make_dataset(other, None, location).changed
    assert rows(location) == [(1, None)]


CALLS = []


def while_another_run_commits(sales, people):
    """Replacement of a function whose first call lets a second run make the dataset."""
    CALLS.append(len(CALLS))
    if len(CALLS) == 1:
        make_dataset(CONTESTED, None, CONTESTED_IN[0])
    return with_country(sales, people)


CONTESTED = replace(JOINED, transform=while_another_run_commits)
CONTESTED_IN = []


def test_of_two_runs_one_commits(deliver, location):
    """The commit of the slower run is rejected; it retries and finds nothing to do."""
    deliver(["1,ada,9.99", "2,bob,1"], ["ada,ie"])
    CALLS.clear()
    CONTESTED_IN[:] = [location]
    made = make_dataset(CONTESTED, None, location)
    assert (made.changed, len(CALLS), made.version) == (False, 2, 0)
    assert rows(location) == [(1, "ie"), (2, None)]


def test_a_vacuum_leaves_versions_that_are_kept(deliver, location):
    """Versions within the retention stay readable and can be restored, whatever the inputs keep."""
    deliver(["1,ada,9.99"], ["ada,ie"])
    make_dataset(JOINED, None, location)
    deliver(people=["ada,pl"])
    make_dataset(JOINED, None, location)
    for name in ("sales", "people", JOINED.stem):
        vacuum(location, name, timedelta(days=1))
    assert scan_dataset(location, JOINED, as_of=0).collect()["country"].to_list() == ["ie"]
    rollback(location, JOINED.stem, 0)
    assert rows(location) == [(1, "ie")]


def test_a_copy_is_written_beside_it(deliver, location):
    """The copy is one Parquet file, for readers that open a file by its path."""
    deliver(["1,ada,9.99"], ["ada,ie"])
    make_dataset(JOINED, None, location)
    assert pl.read_parquet(location.root / "sales_by_country.parquet").columns == list(JOINED.schema)


def test_a_joined_dataset_can_be_an_input(deliver, location):
    """Datasets can be chained; a total has no key."""
    deliver(["1,ada,9.99", "2,ada,1", "3,bob,1"], ["ada,ie"])
    make_dataset(JOINED, None, location)
    total = Dataset(
        name="totals",
        inputs=(JOINED,),
        transform=lambda joined: joined.group_by("country").agg(pl.col("price").sum()),
        columns={"country": Column(pl.String, nullable=True), "price": Column(pl.Decimal(12, 2))},
        key=("country",),
    )
    make_dataset(total, None, location)
    found = scan_dataset(location, total).collect().rows()
    assert sorted((country or "", str(price)) for country, price in found) == [("", "1.00"), ("ie", "10.99")]


def test_a_partition_of_more_rows_than_a_file_takes(deliver, location, monkeypatch):
    """A large partition is split by the hash of the key, and validated in chunks, without losing rows."""
    monkeypatch.setattr("airnub_data.transformed.LARGEST", 30)
    monkeypatch.setattr("airnub_data.transformed._CHUNK", 16)
    monkeypatch.setattr("airnub_data.transformed._SLICE", 50)
    deliver([f"{number},ada,1" for number in range(200)], ["ada,ie"])
    make_dataset(JOINED, None, location)
    assert [number for number, _ in rows(location)] == list(range(200))
    assert len(Table.open(location, JOINED.stem).files()) > 4


def test_a_file_of_an_input_that_is_gone(deliver, location):
    """A missing file is a store error, and nothing is committed."""
    deliver(["1,ada,9.99"], ["ada,ie"])
    for path in (location.root / "people").glob("*.parquet"):
        path.unlink()
    with pytest.raises((DatasetError, StoreError)):
        make_dataset(JOINED, None, location)
    assert Table.open(location, JOINED.stem) is None


def test_joined_in_a_bucket(deliver, fill, store, bucket):
    """Inputs and table can be in a bucket."""
    fill({"sales": SALE + b"1,ada,9" + TIME})
    fill({"people": PERSON + b"ada,ie\n"}, source="people", name="people.csv")
    for dataset in (SALES, PEOPLE, JOINED):
        make_dataset(dataset, store, bucket)
    assert rows(bucket) == [(1, "ie")]
    assert not make_dataset(JOINED, store, bucket).changed


def publish(root, department, name, fields):
    folder = root / "departments" / department / "contracts"
    folder.mkdir(parents=True)
    lines = "".join(f"  {field}: {kind}\n" for field, kind in fields.items())
    text = (
        f"kind: dataset\ndescription: People.\ncode: {department}.datasets:DATASETS\nkey: [customer]\nfields:\n{lines}"
    )
    (folder / f"{name}.v1.yaml").write_text(text)


def test_an_input_of_another_department(deliver, fill, store, location, tmp_path, monkeypatch):
    """The input is found by its contract and has its fields; a contract with other fields makes the dataset again."""
    monkeypatch.setattr("airnub_data.published_datasets.checkout_around", lambda _path: tmp_path)
    publish(tmp_path, "crm", "people", {"customer": "string", "country": "{type: string, nullable: true}"})
    there = {"crm": Location(tmp_path / "crm")}
    joined = replace(JOINED, inputs=(SALES, "crm/people"))
    deliver(["1,ada,9.99"])
    with pytest.raises(DatasetError, match=r"its input crm/people: .*run the processing of crm first"):
        make_dataset(joined, None, location, published=there)
    fill({"people": PERSON + b"ada,ie\n"}, source="people", name="people.csv")
    make_dataset(PEOPLE, store, there["crm"])
    made = make_dataset(joined, None, location, published=there)
    assert made.record.input_versions[1]["dataset"] == "crm/people"
    assert rows(location) == [(1, "ie")]
    assert not make_dataset(joined, None, location, published=there).changed
    with pytest.raises(DatasetError, match=r"its input crm/peeple: expected a contract .*did you mean crm/people"):
        make_dataset(replace(JOINED, inputs=(SALES, "crm/peeple")), None, location, published=there)
