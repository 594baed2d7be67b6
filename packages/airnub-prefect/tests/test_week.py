"""A week of deliveries with faults, through ingestion and processing: what ran, what was stopped, and what was said."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

pytest.importorskip("airnub_data", reason="the extra `datasets` is not installed")

from department_of_a_week.datasets import DATASETS
from department_of_a_week.settings import IngestionSettings, ProcessingSettings

from airnub_core import FileSource, NetworkSettings
from airnub_core.sample_site import Reply
from airnub_data import Location, scan_dataset
from airnub_data.table import Table
from airnub_prefect.errors import PipelineFailedError

HEADER = "id,price,sold_at,receipt"
NOW = datetime.now(UTC).replace(microsecond=0)


class Week:
    """A shop that delivers two files and a list a day, the department that takes them, and what its runs said."""

    def __init__(self, site, folder):
        self.site, self.location = site, Location(folder / "datasets")
        self.delivered = {}
        self.day = 0
        self._ingestion = IngestionSettings(
            store=str(folder / "store"),
            network=NetworkSettings(allow_private_hosts=True, attempts=1),
            files=[
                FileSource(name="shop", urls=[site.url("/north.csv"), site.url("/south.csv")]),
                FileSource(name="list", urls=[site.url("/list.csv")]),
            ],
        )
        self._processing = ProcessingSettings(store=str(folder / "store"), datasets=str(folder / "datasets"))

    def next_day(self):
        """Everything is delivered as it should be, a sale a file more than the day before."""
        self.day += 1
        self.deliver("north", sales("n", 100 + self.day))
        self.deliver("south", sales("s", 80 + self.day))
        self.site.routes["/list.csv"] = Reply(f"article,price\na,{self.day}\n".encode())

    def deliver(self, name, rows, header=HEADER):
        """One file of the shop."""
        self.delivered[name] = rows
        lines = (f"{one},{price},{at:%Y-%m-%dT%H:%M:%SZ},{receipt}" for one, price, at, receipt in rows)
        self.site.routes[f"/{name}.csv"] = Reply("\n".join([header, *lines, ""]).encode())

    def run(self, failed=False):
        """What became of each item and dataset, and the versions of those with a new one; `said` is the failure."""
        from department_of_a_week.flows import pipeline

        before = self.versions()
        try:
            self.reports = asyncio.run(pipeline(self._ingestion, self._processing, failed))
            self.said = ""
        except PipelineFailedError as error:
            self.reports, self.said = error.reports, str(error)
        self.outcomes = {one.source: one for one in self.reports["processing"].outcomes}
        kinds = {name: str(one.kind) for name, one in self.outcomes.items()}
        new = {name for name, version in self.versions().items() if version != before[name]}
        assert new == {name for name, kind in kinds.items() if kind in {"stored", "updated"}}
        return [str(one.kind) for one in self.reports["ingestion"].outcomes], kinds

    def versions(self):
        """The version of each dataset, `None` where there is none."""
        tables = {name: Table.open(self.location, name) for name in DATASETS}
        return {name: None if table is None else table.version for name, table in tables.items()}

    def rows(self, name):
        """Of a dataset as a reader finds it, in any order."""
        return sorted(scan_dataset(self.location, DATASETS[name]).collect().rows())

    def check_all(self):
        """Every dataset is what was delivered, computed without airnub."""
        every = [row for rows in self.delivered.values() for row in rows]
        assert self.rows("sales") == sorted({row[0]: row for row in every}.values())
        assert self.rows("ledger") == sorted(every)
        assert self.rows("prices") == [("a", float(self.day))]


def sales(region, number, newest=NOW - timedelta(hours=1)):
    """So many sales, one a minute."""
    return [
        (f"{region}{one:03}", Decimal(one) / 4 + 1, newest - timedelta(minutes=number - one), f"r{region}{one:04}")
        for one in range(number)
    ]


@pytest.fixture
def week(prefect_api, site, tmp_path):
    """Its first day, which goes well."""
    begun = Week(site, tmp_path)
    begun.next_day()
    assert begun.run() == (["stored"] * 3, {"sales": "stored", "ledger": "stored", "prices": "stored"})
    begun.check_all()
    begun.next_day()
    return begun


ALL_NEW = (["updated"] * 3, {"sales": "updated", "ledger": "updated", "prices": "updated"})


def says(text, *phrases):
    """Every phrase is in a text."""
    for phrase in phrases:
        assert phrase in text, f"expected {phrase!r} in {text!r}"


def test_a_week(week):
    """Each fault stops what it must, and names it; the old version stays; after the repair all is as delivered."""
    a_dead_link(week)
    week.next_day()
    a_renamed_column(week)
    week.next_day()
    a_stale_file(week)
    week.next_day()
    a_shrunk_file(week)
    week.next_day()
    a_doubled_key(week)
    week.next_day()
    assert week.run() == ALL_NEW
    assert week.said == ""
    week.check_all()
    assert week.run() == (["unchanged"] * 3, dict.fromkeys(DATASETS, "unchanged"))


def a_dead_link(week):
    """What does not require complete sources is made of the file that came and of the old one; run again, of both."""
    old, rows = week.site.routes.pop("/south.csv"), week.rows("ledger")
    kinds = week.run()
    assert kinds == (["updated", "failed", "updated"], {"sales": "updated", "ledger": "skipped", "prices": "updated"})
    says(
        week.said,
        "ingestion: 1 of 3 items failed, tolerated: none",
        f"shop: {week.site.url('/south.csv')}: expected status 200, found 404 Not Found",
        "processing: ledger: skipped, since it requires complete sources: 1 item of shop failed in its last run",
        "run ingestion --failed",
        "run processing --accept ledger",
    )
    assert week.rows("ledger") == rows
    south = sales("s", 80 + week.day - 1)
    assert week.rows("sales") == sorted([*week.delivered["north"], *south])
    week.site.routes["/south.csv"] = old
    week.site.asked.clear()
    assert week.run(failed=True) == (["updated"], {"sales": "updated", "ledger": "updated", "prices": "unchanged"})
    assert {one.path for one in week.site.asked} == {"/south.csv"}
    assert week.said == ""
    week.check_all()


def a_renamed_column(week):
    """The datasets of that file keep their version; the message names the file, what is missing, and what it has."""
    rows, versions = week.rows("sales"), week.versions()
    good = week.delivered["north"]
    week.deliver("north", good, header=HEADER.replace("price", "amount"))
    kinds = week.run()
    assert kinds == (["updated"] * 3, {"sales": "failed", "ledger": "failed", "prices": "updated"})
    for name in ("sales", "ledger"):
        error = str(week.outcomes[name].error)
        says(
            error,
            f"{name}: expected the columns price in the header, found id, amount, sold_at, receipt",
            "of which amount is not declared",
            "north.csv",
            "nothing was committed; the previous version stays",
            "Correct the source and run ingestion and processing again, or correct the declaration",
        )
        assert "_record" not in error
        assert week.versions()[name] == versions[name]
    assert week.rows("sales") == rows
    repaired(week, north=good)


def a_stale_file(week):
    """What is too old is not committed; a day without a delivery says so again."""
    rows, versions = week.rows("sales"), week.versions()
    good = dict(week.delivered)
    for name, region in (("north", "n"), ("south", "s")):
        week.deliver(name, sales(region, 100, newest=NOW - timedelta(hours=60)))
    for others in ("updated", "unchanged"):
        assert week.run()[1] == {"sales": "failed", "ledger": others, "prices": others}
        says(
            week.said,
            "sales: check fresh_sold_at: expected a value of sold_at within the last 36h, found ",
            " days old",
            "nothing was committed; the previous version stays",
            "let it warn (dataset_limits: {sales: {checks: {fresh_sold_at: warn}}})",
            "accept it once: run processing --accept sales",
        )
        assert week.versions()["sales"] == versions["sales"]
    assert week.rows("sales") == rows
    repaired(week, prices="unchanged", **good)


def a_shrunk_file(week):
    """A fifth of the file: one dataset is stopped by its check, the other by its limit; both say before and after."""
    rows, versions = week.rows("sales"), week.versions()
    good = week.delivered["north"]
    week.deliver("north", good[:20])
    before, after = len(rows), 20 + len(week.delivered["south"])
    kinds = week.run()
    assert kinds == (["updated"] * 3, {"sales": "failed", "ledger": "failed", "prices": "updated"})
    says(
        str(week.outcomes["sales"].error),
        "check row_count_change: expected at most 20% fewer rows than the median of the last 7 versions",
        f"found {after} rows, and ",
        "nothing was committed; the previous version stays",
        "run processing --accept sales",
    )
    says(
        str(week.outcomes["ledger"].error),
        f"ledger: expected to lose at most 30% of {before} rows (max_shrink), found {after} rows left",
        "nothing was committed; the previous version stays",
        "`run processing --accept ledger`",
    )
    assert {name: week.versions()[name] for name in ("sales", "ledger")} == {
        name: versions[name] for name in ("sales", "ledger")
    }
    assert week.rows("sales") == rows
    repaired(week, north=good)


def a_doubled_key(week):
    """With a key the last row counts, and the other is counted; what must be unique stops the version, by example."""
    versions = week.versions()
    good = week.delivered["north"]
    again = ("n003", Decimal(99), NOW - timedelta(minutes=5), "rn9999")
    week.deliver("north", [*good, again])
    kinds = week.run()
    assert kinds == (["updated"] * 3, {"sales": "updated", "ledger": "failed", "prices": "updated"})
    assert week.outcomes["sales"].superseded == 1
    assert again in week.rows("sales")
    says(
        str(week.outcomes["ledger"].error),
        "ledger: check unique_id: expected each id once, found 1 duplicate rows, such as id=n003",
        "nothing was committed; the previous version stays",
    )
    assert week.versions()["ledger"] == versions["ledger"]
    # A receipt twice, under different keys.
    week.deliver("north", [*good, ("n999", Decimal(1), NOW - timedelta(minutes=5), "rn0003")])
    kinds = week.run()
    assert kinds[1] == {"sales": "failed", "ledger": "updated", "prices": "unchanged"}
    says(week.said, "sales: check unique_receipt: expected each receipt once, found 1 duplicate rows", "receipt=rn0003")
    repaired(week, prices="unchanged", north=good)


def repaired(week, prices="unchanged", **delivered):
    """The file is delivered as it should be: everything of it has a new version, and nothing fails."""
    for name, rows in delivered.items():
        week.deliver(name, rows)
    assert week.run()[1] == {"sales": "updated", "ledger": "updated", "prices": prices}
    assert week.said == ""
    week.check_all()
