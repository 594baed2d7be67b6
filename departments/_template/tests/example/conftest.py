"""The sample site, for the tests of the example."""

import pytest

from airnub_core.sample_site import SampleSite
from department_template.example.demo import DEMO


@pytest.fixture
def site():
    """The sample site."""
    with SampleSite(DEMO.routes(with_failure=False)) as running:
        yield running


@pytest.fixture
def broken_site():
    """The sample site of `demo --with-failure`, with a URL that has the status 410."""
    with SampleSite(DEMO.routes(with_failure=True)) as running:
        yield running
