"""Datasets in Prefect."""

import asyncio

import pytest

pytest.importorskip("airnub_data", reason="the extra `datasets` is not installed")

from department_of_data.settings import ProcessingSettings

from airnub_core import Status
from airnub_data import Location, scan_dataset
from airnub_data.record import Record
from airnub_data.table import Table
from airnub_prefect.errors import ConfigurationError, StageFailedError
from airnub_prefect.progress import progress_to

HEADER = b"id,price\n"


@pytest.fixture
def settings(tmp_path):
    """Of a processing in a temporary folder."""

    def make(**more):
        return ProcessingSettings(store=str(tmp_path / "store"), datasets=str(tmp_path / "datasets"), **more)

    return make


@pytest.fixture
def process(prefect_api, settings):
    """Run the flow; its report, of a failed one as well."""
    from department_of_data.flows import processing

    def run(accept=None, sources=None, failed=False, **more):
        try:
            return asyncio.run(processing(settings(**more), accept, sources, failed))
        except StageFailedError as error:
            return error.report

    return run


def test_a_dataset_is_made(process, fill_store, tmp_path, caplog):
    """In a task of its own, with what its rows are, and with the run that made it in the commit."""
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n1,3\n2,1\n"})
    [outcome] = process().outcomes
    assert (outcome.kind, outcome.rows_read, outcome.rows, outcome.superseded) == (Status.STORED, 3, 2, 1)
    assert "dataset orders" in {getattr(record, "task_run_name", None) for record in caplog.records}
    location = Location(tmp_path / "datasets")
    from department_of_data.datasets import ORDERS

    assert scan_dataset(location, ORDERS).sort("id").collect().rows() == [(1, 3.0), (2, 1.0)]
    record = Record.last(Table.open(location, "orders"))
    assert record.run.flow == "department-of-data-processing"
    assert record.run.id is not None
    assert [one.kind for one in process().outcomes] == [Status.UNCHANGED]


def test_who_listens_hears_of_each_dataset(process, fill_store, tmp_path):
    """As of the items of an ingestion."""

    class Heard:
        def __init__(self):
            self.seen = []

        def expect(self, batch, items):
            self.seen.append((batch, items))

        def outcome(self, batch, outcome):
            self.seen.append((batch, outcome.source))

        def stage_finished(self, stage, report, failure):
            self.seen.append((stage, failure))

    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n"})
    heard = Heard()
    with progress_to(heard):
        process()
    assert heard.seen == [("datasets", 1), ("datasets", "orders"), ("processing", None)]


def test_limits_of_settings_and_accept(process, fill_store, tmp_path):
    """Beyond a limit the item fails, with the rules that rows break; accepted, it passes this once."""
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n2,-1\n"})
    [failed] = process().outcomes
    assert (failed.kind, failed.quarantined) == (Status.FAILED, 1)
    assert [one.rule for one in failed.violations] == ["price: expected at least 0"]
    [accepted] = process(accept=["orders"]).outcomes
    assert (accepted.kind, accepted.rows) == (Status.STORED, 1)
    fill_store(tmp_path / "store", {"b": HEADER + b"3,-1\n"})
    assert [one.kind for one in process().outcomes] == [Status.FAILED]
    wide = {"orders": {"max_quarantined": "100%"}}
    assert [one.kind for one in process(dataset_limits=wide).outcomes] == [Status.UNCHANGED]


def test_checks_of_settings_and_accept(process, fill_store, tmp_path):
    """What blocks fails the item with what every check found; settings let it warn, or it is accepted once."""
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n2,7000\n"})
    [failed] = process().outcomes
    assert (failed.kind, [one.passed for one in failed.checks]) == (Status.FAILED, [False])
    assert "check cheap: expected a price below 1,000, found 1 of 2 rows for which it is false" in str(failed.error)
    [warned] = process(dataset_limits={"orders": {"checks": {"cheap": "warn"}}}).outcomes
    assert (warned.kind, warned.rows) == (Status.STORED, 2)
    assert warned.warning.startswith("check cheap: expected a price below 1,000")
    fill_store(tmp_path / "store", {"b": HEADER + b"3,1\n"})
    assert [one.kind for one in process().outcomes] == [Status.FAILED]
    assert [one.kind for one in process(accept=["orders"]).outcomes] == [Status.UPDATED]


def test_a_history_that_cannot_be_read(process, fill_store, tmp_path, caplog):
    """What was made is committed: the run is reported without the checks of earlier versions, and warns of that."""

    class Damages:
        def expect(self, *_):
            pass

        def outcome(self, *_):
            for commit in (tmp_path / "datasets" / "orders" / "_delta_log").glob("*.json"):
                commit.write_text("{damaged")

        def stage_finished(self, *_):
            pass

    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n"})
    with progress_to(Damages()):
        [outcome] = process().outcomes
    assert outcome.kind is Status.STORED
    [warning] = [one.getMessage() for one in caplog.records if "of its last versions" in one.getMessage()]
    assert warning.startswith("orders: check results of its last versions cannot be read and are not shown: ")


def test_what_is_accepted_must_be_a_dataset(process, fill_store, tmp_path):
    """A misspelt name is a mistake; nothing was made."""
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n"})
    with pytest.raises(ConfigurationError, match="accept: unknown dataset 'order'; did you mean 'orders'"):
        process(accept=["order"])
    assert not (tmp_path / "datasets").exists()


def test_only_what_failed_or_is_of_a_source(process, fill_store, tmp_path):
    """What failed in the last run is known to the next one; an unknown source is a mistake."""
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n2,-1\n"})
    assert [one.kind for one in process().outcomes] == [Status.FAILED]
    assert [one.kind for one in process(failed=True).outcomes] == [Status.FAILED]
    assert [one.kind for one in process(accept=["orders"], sources=["shop"], failed=True).outcomes] == [Status.STORED]
    assert process(failed=True).outcomes == []
    with pytest.raises(ConfigurationError, match="source: unknown source 'shops'; did you mean 'shop'"):
        process(sources=["shops"])


def test_when_each_was_made_last_is_noted(process, fill_store, tmp_path):
    """The times are those of the last run, not of the first one."""
    from airnub_core import StoreLocation, open_store
    from airnub_core.store.index import Scope

    def last():
        with open_store(StoreLocation(tmp_path / "store")) as (_, index):
            return index.last_runs(Scope.DATASET)["department_of_data/orders"]

    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n"})
    process()
    before = last()
    process()
    assert before.ended_at < last().began_at < last().ended_at
    assert before.run != last().run


def test_a_department_that_shares_the_store(process, fill_store, tmp_path):
    """Its dataset of the same name is a different one: what failed there does not run again here, and is kept."""
    from airnub_core import StoreLocation, open_store
    from airnub_core.store.index import Failure, Scope

    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n"})
    process()
    with open_store(StoreLocation(tmp_path / "store")) as (_, index):
        index.end_runs(Scope.DATASET, {"department_next_door/orders": [Failure(None, "no rows")]}, "run")
        assert index.last_runs(Scope.DATASET)["department_of_data/orders"].is_complete
    assert process(failed=True).outcomes == []
    process()
    with open_store(StoreLocation(tmp_path / "store")) as (_, index):
        assert not index.last_runs(Scope.DATASET)["department_next_door/orders"].is_complete


def test_without_a_store_none_is_made(process, tmp_path):
    """The dataset fails and says so, also where only what failed is made; noting that makes no store."""
    for failed in (False, True):
        [outcome] = process(failed=failed).outcomes
        assert "run the ingestion first" in str(outcome.error)
        assert not (tmp_path / "store").exists()


def test_a_run_that_was_killed_failed(process, fill_store, tmp_path, monkeypatch):
    """Its datasets are made by a run of what failed, though nothing is known of them."""
    from airnub_prefect import datasets

    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n"})

    async def killed(*_given, **_named):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(datasets, "make_dataset", killed)
        with pytest.raises(RuntimeError, match="killed"):
            process()
    assert [one.kind for one in process(failed=True).outcomes] == [Status.STORED]
    assert process(failed=True).outcomes == []


def test_a_new_version_is_an_event(process, fill_store, tmp_path, sent):
    """Of the dataset's resource, with the version and the rows; nothing is sent where nothing is new."""
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n1,3\n"})
    process()
    process()
    [event] = [one for one in sent if one[0] != "airnub.dataset.checked"]
    assert event == (
        "airnub.dataset.updated",
        {"prefect.resource.id": "airnub.dataset.department_of_data.orders", "airnub.within": "stage"},
        {
            "department": "department_of_data",
            "dataset": "orders",
            "version": 0,
            "rows": 1,
            "rows_read": 2,
            "quarantined": 0,
            "superseded": 1,
        },
    )
