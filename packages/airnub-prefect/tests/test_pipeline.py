"""Stages in one run."""

import asyncio
import pickle

import pytest

from airnub_core import Kind, Outcome, Report
from airnub_core.errors import DatasetError
from airnub_prefect.errors import PipelineFailedError, StageFailedError
from airnub_prefect.pipeline import run_stages

GOOD = Report([Outcome("a", Kind.STORED)])
BAD = Report([Outcome("b", Kind.FAILED, error=DatasetError("b", "expected rows, found none"))])
SKIPPED = Report([Outcome("c", Kind.SKIPPED, warning="skipped, since 1 item of b failed")])


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
        "one: 1 of 1 items failed, tolerated: none; running again will not help by itself, the others are safe\n"
        "  b: expected rows, found none\n"
        "two: c: skipped, since 1 item of b failed"
    )
    assert failed.value.headline.count("\n") == 1
    assert len(failed.value.report.outcomes) == 3
    assert str(pickle.loads(pickle.dumps(failed.value))) == str(failed.value)
    assert repr(failed.value) == "PipelineFailedError(['one'])"


def test_what_is_not_about_items_ends_the_run():
    """A full disk, or wrong settings: the next stage would fail on the same."""
    all_of_them, started = stages(OSError("full"), GOOD)
    with pytest.raises(OSError, match="full"):
        asyncio.run(run_stages(all_of_them))
    assert started == ["one"]
