"""Jobs and results."""

import pickle

import pytest

from airnub_core.errors import HttpStatusError, StoreError
from airnub_core.http.request import Failed, Fetched, NotModified, StoreFailure
from airnub_core.store.staged import Staged

STAGED = Staged("/staging/1", "s", "a.csv", "ab" * 32, 7, "cd" * 32)


@pytest.mark.parametrize(
    "result",
    [
        Fetched(1, 2, STAGED, '"1"', "Mon", "2026"),
        NotModified(1, 2, None, None, "2026"),
        Failed(1, HttpStatusError("http://h/", 503, 7.5)),
        StoreFailure(StoreError("/store", "full")),
    ],
)
def test_results_cross_the_borders_of_processes(result):
    """As plain values, told apart by their kinds."""
    copy = pickle.loads(pickle.dumps(result))
    assert copy == result
    assert type(copy) is type(result)


def test_jobs_cross_the_borders_of_processes(job):
    """Those of one packet share what they have in common: it travels once."""
    jobs = [job(f"http://h/{number}", number, headers={"x": "y"}, etag='"1"') for number in range(3)]
    jobs = [one._replace(limits=jobs[0].limits) for one in jobs]
    copies = pickle.loads(pickle.dumps(jobs))
    assert copies == jobs
    assert len({id(copy.limits) for copy in copies}) == 1
