"""Stages in one run."""

import asyncio
import pickle

import pytest

from airnub_core import Outcome, Report, Status
from airnub_core.errors import DatasetError, StoreError
from airnub_prefect.errors import ConfigurationError, PipelineFailedError, StageFailedError, UnknownNameError
from airnub_prefect.pipeline import run_stages

GOOD = Report([Outcome("a", Status.STORED)])
BAD = Report([Outcome("b", Status.FAILED, error=DatasetError("b", "expected rows, found none"))])
SKIPPED = Report([Outcome("c", Status.SKIPPED, warning="skipped, since 1 item of b failed")])


def stages(*reports):
    """Stages one, two, …, each with its report, or that raises; which of them were started."""
    started = []

    def stage(name, ending):
        async def run():
            started.append(name)
            if isinstance(ending, Exception):
                raise ending
            if ending.failed:
                raise StageFailedError(name, ending, "none")
            return ending

        return run

    names = ("one", "two", "three")[: len(reports)]
    return {name: stage(name, ending) for name, ending in zip(names, reports, strict=True)}, started


def test_all_well():
    """The reports by stage."""
    assert asyncio.run(run_stages(stages(GOOD, SKIPPED)[0])) == {"one": GOOD, "two": SKIPPED}


def test_a_stage_with_failures_stops_no_other():
    """The run fails at the end, and names what failed and what was skipped."""
    all_of_them, started = stages(BAD, SKIPPED, GOOD)
    with pytest.raises(PipelineFailedError) as failed:
        asyncio.run(run_stages(all_of_them))
    assert started == ["one", "two", "three"]
    assert failed.value.reports == {"one": BAD, "two": SKIPPED, "three": GOOD}
    assert str(failed.value) == (
        "one: 1 of 1 items failed, tolerated: none; a retry will not help\n"
        "  b: expected rows, found none\n"
        "two: c: skipped, since 1 item of b failed"
    )
    assert failed.value.headline.count("\n") == 1
    assert len(failed.value.report.outcomes) == 3
    assert str(pickle.loads(pickle.dumps(failed.value))) == str(failed.value)
    assert repr(failed.value) == "PipelineFailedError(['one'])"


def test_what_is_not_about_items_ends_the_run():
    """What is not expected, and a name that the settings do not have: no later stage is started."""
    all_of_them, started = stages(OSError("full"), GOOD)
    with pytest.raises(OSError, match="full"):
        asyncio.run(run_stages(all_of_them))
    assert started == ["one"]
    all_of_them, started = stages(UnknownNameError.of("source", "unknown source 'shops'"), GOOD)
    with pytest.raises(UnknownNameError, match="unknown source 'shops'"):
        asyncio.run(run_stages(all_of_them))
    assert started == ["one"]


def test_a_stage_that_ends_with_a_known_error_stops_no_other():
    """Wrong settings or a full disk: the later stages run, and the run fails and names the stage."""
    wrong = ConfigurationError.of("a.yaml", "missing key 'store'")
    full = StoreError("/store", "No space left on device", advice="free space")
    all_of_them, started = stages(wrong, full, GOOD)
    with pytest.raises(PipelineFailedError) as failed:
        asyncio.run(run_stages(all_of_them))
    assert started == ["one", "two", "three"]
    assert failed.value.reports == {"three": GOOD}
    assert failed.value.failures == {"one": wrong, "two": full}
    assert str(failed.value) == f"one: a.yaml: missing key 'store'\ntwo: {full}" == failed.value.headline
    assert str(pickle.loads(pickle.dumps(failed.value))) == str(failed.value)


def test_no_stage_with_a_report():
    """Where the settings of all are wrong, nothing was run, and every mistake is named."""
    wrong = ConfigurationError.of("a.yaml", "missing key 'store'")
    with pytest.raises(ConfigurationError) as raised:
        asyncio.run(run_stages(stages(wrong, wrong)[0]))
    assert raised.value.mistakes == wrong.mistakes * 2
    with pytest.raises(PipelineFailedError) as failed:
        asyncio.run(run_stages(stages(DatasetError("b", "expected rows, found none"))[0]))
    assert (failed.value.reports, failed.value.report) == ({}, Report())
