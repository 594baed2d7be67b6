"""Datasets in Prefect that are made of other datasets."""

import asyncio
from dataclasses import replace

import pytest

pytest.importorskip("airnub_data", reason="the extra `datasets` is not installed")

import polars as pl
from department_of_joins.datasets import ORDERS, SHARES, TOTALS
from department_of_joins.settings import ProcessingSettings
from filelock import FileLock
from prefect.variables import Variable

from airnub_core import Status
from airnub_data import Column, Csv, Dataset, Location, by_name, scan_dataset
from airnub_data.testing import write_rows
from airnub_prefect.datasets import make_dataset
from airnub_prefect.errors import ConfigurationError, StageFailedError

HEADER = b"id,price\n"
EVERYWHERE = Dataset(name="everywhere", source="x", reader=Csv(), columns={"all": Column(pl.Float64)})


@pytest.fixture
def everywhere(prefect_api, prefect_home, tmp_path, monkeypatch):
    """The dataset of another department, which the Variable of its processing leads to, as in an image.

    The Variable is this test's alone: processes of the tests share their server.
    """
    with FileLock(prefect_home / "crm_of_tests.lock"):
        yield from _everywhere(tmp_path, monkeypatch)


def _everywhere(tmp_path, monkeypatch):
    monkeypatch.setattr("airnub_data.published_datasets.checkout_around", lambda _path: None)
    Variable.set(
        "dept_crm_of_tests_processing_config", {"store": "x", "datasets": str(tmp_path / "crm")}, overwrite=True
    )
    yield lambda value: write_rows(Location(tmp_path / "crm"), EVERYWHERE, pl.DataFrame({"all": [value]}))
    Variable.unset("dept_crm_of_tests_processing_config")


@pytest.fixture
def process(prefect_api, tmp_path):
    """Run the flow; its outcomes by dataset, of a failed one as well."""
    from department_of_joins.flows import processing

    def run(*accept, **selection):
        settings = ProcessingSettings(store=str(tmp_path / "store"), datasets=str(tmp_path / "datasets"))
        state = asyncio.run(processing(settings, [*accept], **selection, return_state=True))
        report = asyncio.run(state.aresult(raise_on_failure=False))
        report = report.report if isinstance(report, StageFailedError) else report
        return {outcome.source: outcome for outcome in report.outcomes}

    return run


def kinds(outcomes):
    return [outcome.kind for outcome in outcomes.values()]


def test_datasets_are_made_behind_their_inputs(process, everywhere, fill_store, tmp_path):
    """In one run, whatever the order of the declarations; again where an input has other rows, and not otherwise."""
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n2,3\n"})
    everywhere(50.0)
    made = process()
    assert list(made) == ["orders", "totals", "shares"]
    assert kinds(made) == [Status.STORED] * 3
    location = Location(tmp_path / "datasets")
    assert scan_dataset(location, SHARES).collect().rows() == [(0.1,)]
    assert kinds(process()) == [Status.UNCHANGED] * 3
    everywhere(10.0)
    assert kinds(process()) == [Status.UNCHANGED, Status.UNCHANGED, Status.UPDATED]
    fill_store(tmp_path / "store", {"b": HEADER + b"3,5\n"})
    assert kinds(process()) == [Status.UPDATED] * 3
    assert scan_dataset(location, SHARES).collect().rows() == [(1.0,)]


def test_an_input_that_failed_in_this_run(process, everywhere, fill_store, tmp_path):
    """What is made of it is made from the previous version, with a warning: other inputs may be new."""
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n2,3\n"})
    everywhere(50.0)
    process()
    fill_store(tmp_path / "store", {"b": b"nothing\n1\n"})
    everywhere(100.0)
    made = process()
    assert kinds(made) == [Status.FAILED, Status.UNCHANGED, Status.UPDATED]
    assert made["totals"].warning == "its input orders failed in this run: it is made from the previous version"
    assert made["shares"].warning is None
    assert scan_dataset(Location(tmp_path / "datasets"), SHARES).collect().rows() == [(0.05,)]


def test_a_dataset_that_requires_complete_inputs(process, everywhere, fill_store, tmp_path, monkeypatch):
    """It is skipped while an input fails, and so is what requires it in turn; accepted, it is made."""
    from department_of_joins import datasets

    strict = replace(TOTALS, requires_complete=True)
    above = replace(SHARES, inputs=(strict, *SHARES.inputs[1:]), requires_complete=True)
    monkeypatch.setattr(datasets, "DATASETS", by_name(ORDERS, strict, above))
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n2,3\n"})
    everywhere(50.0)
    assert kinds(process()) == [Status.STORED] * 3
    fill_store(tmp_path / "store", {"b": b"nothing\n1\n"})
    everywhere(100.0)
    made = process()
    assert kinds(made) == [Status.FAILED, Status.SKIPPED, Status.SKIPPED]
    assert made["totals"].warning.startswith("skipped, since it requires complete inputs: orders failed in this run")
    assert made["shares"].warning.startswith(
        "skipped, since it requires complete inputs: totals was skipped in this run"
    )
    assert kinds(process("totals", "shares")) == [Status.FAILED, Status.UNCHANGED, Status.UPDATED]


def test_inputs_that_are_not_made_in_this_run(process, everywhere, fill_store, tmp_path, monkeypatch):
    """What requires complete inputs is skipped where one of them failed in its last run, a different one."""
    from department_of_joins import datasets

    other = replace(ORDERS, name="returns", source="returned")
    both = replace(TOTALS, inputs=(ORDERS, other), transform=lambda one, _: datasets.total(one), requires_complete=True)
    monkeypatch.setattr(datasets, "DATASETS", by_name(ORDERS, other, both))
    fill_store(tmp_path / "store", {"a": b"nothing\n1\n"})
    fill_store(tmp_path / "store", {"b": HEADER + b"1,2\n"}, source="returned")
    assert kinds(process()) == [Status.FAILED, Status.STORED, Status.SKIPPED]
    made = process(sources=["returned"])
    assert kinds(made) == [Status.UNCHANGED, Status.SKIPPED]
    assert "requires complete inputs: orders was not made in its last run" in made["totals"].warning
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n"})
    assert kinds(process()) == [Status.STORED, Status.UNCHANGED, Status.STORED]


def test_some_sources_and_what_failed(process, everywhere, fill_store, tmp_path):
    """What is made of a dataset that is selected is made too."""
    fill_store(tmp_path / "store", {"a": b"nothing\n1\n"})
    everywhere(50.0)
    assert kinds(process()) == [Status.FAILED] * 3
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n"})
    assert list(process(sources=["shop"])) == ["orders", "totals", "shares"]
    assert list(process(failed=True)) == []


def test_inputs_without_a_version(process, everywhere, tmp_path, fill_store):
    """Each failure says which input is missing and what makes it; nothing else fails."""
    fill_store(tmp_path / "store", {"a": b"nothing\n1\n"})
    made = process()
    assert kinds(made) == [Status.FAILED] * 3
    assert "expected a version of its input orders, found no table" in str(made["totals"].error)
    assert "run the processing, which makes it first" in str(made["totals"].error)
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n"})
    made = process()
    assert kinds(made) == [Status.STORED, Status.STORED, Status.FAILED]
    assert "its input crm_of_tests/everywhere: expected a Delta table at" in str(made["shares"].error)


def test_a_variable_that_leads_nowhere(process, everywhere, fill_store, tmp_path):
    """The dataset fails and names it; the others are made."""
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n"})
    Variable.set("dept_crm_of_tests_processing_config", {"store": "x"}, overwrite=True)
    made = process()
    assert kinds(made) == [Status.STORED, Status.STORED, Status.FAILED]
    assert "Variable dept_crm_of_tests_processing_config" in str(made["shares"].error)


def test_a_task_waits_for_those_of_its_inputs(process, everywhere, fill_store, tmp_path):
    """So the graph of the run shows what is made of what."""
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n"})
    everywhere(50.0)
    runs = {}

    def note(task, run, state):
        runs[run.name] = run

    make_dataset.on_completion(note)
    try:
        process()
    finally:
        make_dataset.on_completion_hooks.remove(note)
    [waited] = runs["dataset totals"].task_inputs["wait_for"]
    assert waited.id == runs["dataset orders"].id
    assert runs["dataset orders"].task_inputs.get("wait_for", []) == []


def test_a_dataset_of_this_department_by_its_published_name(monkeypatch):
    """It is an input by its declaration: so no dataset can be its own input on a way around."""
    from department_of_joins import datasets

    around = replace(TOTALS, inputs=("department_of_joins/orders",))
    monkeypatch.setattr(datasets, "DATASETS", {"orders": ORDERS, "totals": around})
    settings = ProcessingSettings(store="store", datasets="datasets")
    with pytest.raises(ConfigurationError, match="totals: expected inputs of this department as their declarations"):
        settings.declared()
