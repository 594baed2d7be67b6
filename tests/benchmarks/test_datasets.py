"""The benchmark of datasets, with tiny inputs."""

import os

import polars as pl
import pytest

from benchmarks.datasets import __main__ as command
from benchmarks.datasets import inputs, works
from benchmarks.datasets.works import Found, Run, Size

TINY = Size(rows=3000, corrected=50_000, checked=3000, records=400, pages=4, objects=6, commits=3)


# In a change, one workload of each program is enough; the nightly run (`AIRNUB_WHOLE`) has all.
RUN = set(works.WORKS) - {"ten-times"} if os.environ.get("AIRNUB_WHOLE") else {"plain", "json", "api", "commits"}


@pytest.mark.system  # each starts our processes and the peer's
@pytest.mark.parametrize("name", [name for name in works.WORKS if name in RUN])
def test_a_work_runs(tmp_path, name):
    """Our run and the peer's give the same rows, and every figure is measured."""
    for found in works.WORKS[name](tmp_path, TINY, 1):
        assert len(found.pairs) == 1
        assert len(command.cells(found)) == len(command.HEADINGS)
        assert found.pairs[0][0].mb > 1


def test_inputs_are_the_same_each_time(tmp_path):
    """Inputs have the documented size: 45 bytes a row, of which one in a thousand is invalid."""
    path = inputs.write_csv(tmp_path / "rows.csv", 10_000, days=396)
    assert path.read_bytes() == inputs.write_csv(tmp_path / "again.csv", 10_000, days=396).read_bytes()
    rows = pl.read_csv(path, infer_schema=False)
    assert rows["id"].n_unique() == 10_000
    assert (rows["value"] == "none").sum() == 10
    assert rows["at"].str.slice(0, 7).n_unique() == 13
    assert 40 < path.stat().st_size / 10_000 < 50


@pytest.mark.parametrize(("cpu", "mb", "met"), [(2.0, 100, "yes"), (2.2, 100, "NO"), (2.0, 500, "NO")])
def test_a_goal_is_met_by_time_and_memory(cpu, mb, met):
    """A ratio below the goal misses it, and so does too much memory."""
    pairs = [(Run(1, cpu, mb, {}), Run(1, 1, 100, {}))]
    assert met in command.cells(Found("work", 0.5, "ratio", peer="polars", pairs=pairs))
