"""What the tests of department_template share: its sample site."""

import pytest

from airnub_core.sample_site import SampleSite
from department_template.demo import DEMO


@pytest.fixture(autouse=True)
def apart(writes_apart):
    """No test writes into the checkout."""


@pytest.fixture
def site():
    """The sample site, with everything in its place."""
    with SampleSite(DEMO.routes(with_failure=False)) as running:
        yield running


@pytest.fixture
def broken_site():
    """The sample site, with everything gone."""
    with SampleSite(DEMO.routes(with_failure=True)) as running:
        yield running
