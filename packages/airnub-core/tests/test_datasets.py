"""Datasets, from files that a real site served into a store."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from airnub_core import FileSource, Kind, ingest_files, open_engine, reindex
from airnub_core.dataset_limits import DEFAULT_LIMITS, DatasetLimits
from airnub_core.datasets import Dataset, make_dataset
from airnub_core.errors import DamagedObjectError, DatasetError, ReaderError, StoreError
from airnub_core.outcome import Violation
from airnub_core.published import Published
from airnub_core.sample_site import Reply
from airnub_core.tables import Column, read_csv

WEATHER = Dataset(
    "weather",
    ".csv",
    read_csv,
    {"place": Column(pl.String), "day": Column(pl.Date), "rain": Column(pl.Float64, minimum=0)},
    unique=("place", "day"),
)


@pytest.fixture
def make(site, network, tmp_path):
    """Serve files, ingest them, and make the dataset."""

    def made(limits=DEFAULT_LIMITS, **files):
        site.routes |= {f"/{name}.csv": Reply(content) for name, content in files.items()}
        source = FileSource(name="weather", urls=[site.url(path) for path in sorted(site.routes)])

        async def run():
            async with open_engine(tmp_path / "store", network) as engine:
                await ingest_files(engine, [source])

        asyncio.run(run())
        return make_dataset(WEATHER, tmp_path / "store", tmp_path / "datasets", limits)

    return made


def test_all_files_of_a_source_become_one_dataset(make, tmp_path):
    """Rows of every file, typed; those that do not fit are beside it."""
    outcome = make(
        DatasetLimits(max_quarantined=1),
        bonn=b"place,day,rain\nBonn,2018-02-07,1.5\nBonn,2018-02-08,-1\n",
        ulm=b"place,day,rain\nUlm,2018-02-07,0\n",
    )
    assert (outcome.source, outcome.kind, outcome.rows, outcome.quarantined) == ("weather", Kind.STORED, 2, 1)
    assert pl.read_parquet(tmp_path / "datasets" / outcome.path)["place"].to_list() == ["Bonn", "Ulm"]
    assert "Bonn,2018-02-08,-1" in (tmp_path / "datasets" / "weather.quarantine.csv").read_text()


def test_it_is_made_of_what_the_source_has_now(make):
    """A file that changed counts in its new version alone; the same again is unchanged."""
    header = b"place,day,rain\n"
    assert make(bonn=header + b"Bonn,2018-02-07,1\nBonn,2018-02-08,2\n").rows == 2
    changed = make(bonn=header + b"Bonn,2018-02-07,3\n")
    assert (changed.kind, changed.rows, changed.quarantined) == (Kind.UPDATED, 1, 0)
    assert make().kind is Kind.UNCHANGED


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_a_corrected_row_wins(make, tmp_path, names):
    """It came later, whatever its URL is called; the other one is counted; a new index gives the same file."""
    first, second = names
    make(**{first: b"place,day,rain\nBonn,2018-02-07,1\nUlm,2018-02-07,5\n"})
    outcome = make(**{second: b"place,day,rain\nBonn,2018-02-07,2\n"})
    assert (outcome.kind, outcome.rows, outcome.quarantined, outcome.superseded) == (Kind.UPDATED, 2, 0, 1)
    assert pl.read_parquet(tmp_path / "datasets" / outcome.path)["rain"].to_list() == [2, 5]
    assert not (tmp_path / "datasets" / "weather.quarantine.csv").exists()
    reindex(tmp_path / "store")
    assert make().kind is Kind.UNCHANGED


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"place,day\nBonn,2018-02-07\n", "expected the columns rain, found place, day"), (b"", "found: empty CSV")],
)
def test_files_of_another_shape_are_a_failed_outcome(make, content, reason, tmp_path):
    """It says what was expected; what an earlier run made is left alone."""
    make(bonn=b"place,day,rain\nBonn,2018-02-07,1\n")
    before = (tmp_path / "datasets" / "weather.parquet").read_bytes()
    outcome = make(bonn=content)
    assert outcome.kind is Kind.FAILED
    assert isinstance(outcome.error, DatasetError)
    assert reason in str(outcome.error)
    assert (tmp_path / "datasets" / "weather.parquet").read_bytes() == before


def test_a_damaged_object_is_a_failed_outcome(make, tmp_path):
    """No row of it is handed on."""
    make(bonn=b"place,day,rain\nBonn,2018-02-07,1\n")
    [path] = (tmp_path / "store").glob("weather/*/*/bonn.csv")
    path.write_bytes(b"place,day,rain\nBonn,2018-02-07,9\n")
    outcome = make_dataset(WEATHER, tmp_path / "store", tmp_path / "other")
    assert isinstance(outcome.error, DamagedObjectError)
    assert not (tmp_path / "other").exists()


def test_nothing_ingested_is_a_failed_outcome(tmp_path):
    """It names the command that comes first, and leaves nothing behind."""
    outcome = make_dataset(WEATHER, tmp_path / "store", tmp_path / "datasets")
    assert (outcome.source, outcome.kind) == ("weather", Kind.FAILED)
    assert str(outcome.error).endswith("run the ingestion first")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_fails_the_run(make, tmp_path):
    """It is no fault of the dataset: the error of the system goes up."""
    (tmp_path / "datasets").touch()
    with pytest.raises(StoreError, match="datasets"):
        make(bonn=b"place,day,rain\nBonn,2018-02-07,1\n")


def test_a_second_version_stands_beside_the_first(make, tmp_path):
    """Of the same source, in a file of its own, with an outcome of its own."""
    first = make(bonn=b"place,day,rain\nBonn,2018-02-07,1.5\n")
    days = replace(WEATHER, schema={"place": Column(pl.String), "day": Column(pl.Date)}, version=2)
    second = make_dataset(days, tmp_path / "store", tmp_path / "datasets")
    assert [(one.source, one.path) for one in (first, second)] == [
        ("weather", "weather.parquet"), ("weather.v2", "weather.v2.parquet"),
    ]  # fmt: skip
    assert pl.read_parquet(tmp_path / "datasets" / "weather.v2.parquet").columns == ["place", "day"]


def test_what_it_publishes_is_what_its_file_holds(make, tmp_path):
    """Each column by the name that contracts have for its type, whether it may be missing, and the key."""
    published = WEATHER.published()
    fields = {"place": ("string", False), "day": ("date", False), "rain": ("float64", False)}
    assert published == Published("dataset", "weather", 1, fields, ("place", "day"))
    outcome = make(bonn=b"place,day,rain\nBonn,2018-02-07,1.5\n")
    assert list(pl.read_parquet(tmp_path / "datasets" / outcome.path).columns) == list(published.fields)


# --- limits ----------------------------------------------------------------------------------------------------------


def days(good, bad=0):
    """A file with so many days that fit, and so many with an impossible amount of rain, each time the same."""
    lines = [f"Bonn,{date(2018, 1, 1) + timedelta(day)},1" for day in range(good)]
    return "\n".join(["place,day,rain", *lines, *["Bonn,2019-01-01,-1"] * bad]).encode()


@pytest.fixture
def files(tmp_path):
    """The datasets' files by name, as bytes."""
    return lambda: {path.name: path.read_bytes() for path in (tmp_path / "datasets").iterdir()}


def test_rows_that_all_break_a_rule_do_not_replace_a_dataset(make, files):
    """Its files stay; the message has counts, reason and what to do; the rows can be looked at until a run succeeds."""
    make(bonn=days(70, 3))
    before = files()
    assert set(before) == {"weather.parquet", "weather.quarantine.csv"}
    outcome = make(bonn=days(0, 50))
    assert (outcome.kind, outcome.rows, outcome.quarantined) == (Kind.FAILED, None, 50)
    assert outcome.violations == (Violation("rain: expected at least 0", 50, "-1"),)
    assert str(outcome.error) == (
        "weather: expected at most 10% of the rows read to break a rule, found 50 of 50: rain: expected at least 0, "
        "found -1 (rows: 50). They are in weather.rejected.csv; weather.parquet is not replaced. Correct the source "
        "or the schema, or raise dataset_limits.weather.max_quarantined"
    )
    rejected = files().pop("weather.rejected.csv")
    assert rejected.count(b"expected at least 0, found -1") == 50
    assert files() == {**before, "weather.rejected.csv": rejected}
    assert make(bonn=days(71)).kind is Kind.UPDATED
    assert set(files()) == {"weather.parquet"}


@pytest.mark.parametrize(
    ("limit", "good", "bad", "kind"),
    [
        ("10%", 90, 10, Kind.STORED),
        ("10%", 89, 10, Kind.FAILED),
        (10, 1, 10, Kind.STORED),
        (10, 900, 11, Kind.FAILED),
        (0, 900, 1, Kind.FAILED),
        ("100%", 1, 900, Kind.STORED),
    ],
)
def test_a_limit_is_a_number_or_a_share_of_the_rows_read(make, files, limit, good, bad, kind):
    """Identical rows count as often as they came; a first attempt that fails leaves no dataset."""
    outcome = make(DatasetLimits(max_quarantined=limit), bonn=days(good, bad))
    assert (outcome.kind, outcome.quarantined) == (kind, bad)
    assert ("weather.parquet" in files()) is (kind is Kind.STORED)


def test_superseded_rows_count_for_no_limit(make):
    """They broke no rule."""
    make(DatasetLimits(max_quarantined=0), ulm=days(20))
    outcome = make(DatasetLimits(max_quarantined=0), bonn=days(20).replace(b",1\n", b",2\n"))
    assert (outcome.kind, outcome.rows, outcome.superseded) == (Kind.UPDATED, 20, 19)


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (0, "found none; it is not replaced"),
        (9, "found none (rows that break a rule: 9 of 9: rain: expected at least 0"),
    ],
)
def test_a_dataset_that_had_rows_keeps_them_where_none_come(make, files, bad, found):
    """Whatever the limit allows; the message says how to empty it on purpose."""
    make(bonn=days(70))
    before = files()["weather.parquet"]
    outcome = make(DatasetLimits(max_quarantined="100%"), bonn=days(0, bad))
    assert outcome.kind is Kind.FAILED
    assert str(outcome.error).startswith(f"weather: expected rows, since weather.parquet is not empty, {found}")
    assert str(outcome.error).endswith("If the dataset is to be empty, remove that file and run again")
    assert files()["weather.parquet"] == before
    assert ("weather.rejected.csv" in files()) is (bad > 0)


def test_a_damaged_dataset_is_not_replaced_by_an_empty_one(make, files, tmp_path):
    """It may have had rows."""
    make(bonn=days(70))
    (tmp_path / "datasets" / "weather.parquet").write_bytes(b"damaged")
    assert make(bonn=days(0)).kind is Kind.FAILED
    assert files() == {"weather.parquet": b"damaged"}


def test_a_dataset_that_never_had_rows_is_written_empty(make, tmp_path):
    """With a warning, each time; readers find its columns."""
    first, again = make(bonn=days(0)), make()
    assert [(one.kind, one.rows, one.warning) for one in (first, again)] == [
        (Kind.STORED, 0, "it has no rows"), (Kind.UNCHANGED, 0, "it has no rows"),
    ]  # fmt: skip
    assert pl.read_parquet(tmp_path / "datasets" / "weather.parquet").columns == list(WEATHER.schema)
    assert make(bonn=days(1)).warning is None


# --- a `read` of a department ----------------------------------------------------------------------------------------


def read_badly(_name, contents):
    """Like a department's own reader with a fault in it."""
    return [_first_field(content) for content in contents]


def _first_field(content):
    return {}[content.split(b",")[0]]


@pytest.fixture
def store(make, tmp_path):
    """A store with a file of the source."""
    make(bonn=b"place,day,rain\nBonn,2018-02-07,1\n")
    return tmp_path / "store"


def test_a_read_that_raises_is_a_failed_outcome(store, tmp_path):
    """It names the dataset, the exception and the line of the reader; what exists is kept; the store is closed."""
    before = (tmp_path / "datasets" / "weather.parquet").read_bytes()
    outcome = make_dataset(replace(WEATHER, read=read_badly), store, tmp_path / "datasets")
    assert (outcome.source, outcome.kind, type(outcome.error)) == ("weather", Kind.FAILED, ReaderError)
    line = _first_field.__code__.co_firstlineno + 1
    assert str(outcome.error) == (
        f"weather: reading it raised KeyError: b'place' ({__file__}:{line}); the traceback is in the log of the run"
    )
    assert "in read_badly" in outcome.error.traceback
    assert (tmp_path / "datasets" / "weather.parquet").read_bytes() == before


def test_a_read_without_lines_of_its_own(store, tmp_path):
    """A function of C has no place but that of its caller."""
    outcome = make_dataset(replace(WEATHER, read=int), store, tmp_path / "datasets")
    assert "weather: reading it raised TypeError: " in str(outcome.error)
    assert "datasets.py:" in str(outcome.error)


@pytest.mark.parametrize("read", [lambda _name, contents: None, lambda _name, contents: pl.LazyFrame({"place": ["x"]})])
def test_a_read_that_returns_something_else_is_a_failed_outcome(store, tmp_path, read):
    """The message says what it should have returned."""
    outcome = make_dataset(replace(WEATHER, read=read), store, tmp_path / "datasets")
    assert str(outcome.error).startswith("weather: expected a polars.DataFrame from `read`, found ")


def test_rows_that_cannot_be_conformed_are_a_failed_outcome(store, tmp_path):
    """Columns of types that nothing converts from."""
    lists = replace(WEATHER, read=lambda _name, _contents: pl.DataFrame({name: [[1]] for name in WEATHER.schema}))
    outcome = make_dataset(lists, store, tmp_path / "datasets")
    assert (outcome.kind, type(outcome.error)) == (Kind.FAILED, ReaderError)


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
def test_a_read_that_is_interrupted_ends_everything(store, tmp_path, ending):
    """Ctrl-C does not count as a failed dataset."""

    def interrupted(_name, _contents):
        raise ending

    with pytest.raises(ending):
        make_dataset(replace(WEATHER, read=interrupted), store, tmp_path / "datasets")
