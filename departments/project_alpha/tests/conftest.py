"""What the tests of project_alpha share."""

import pytest

from airnub_core.sample_site import SampleSite
from project_alpha.demo import DEMO


@pytest.fixture
def site():
    """The sample site, with the link that leads nowhere."""
    with SampleSite(DEMO.routes(with_failure=True)) as running:
        yield running
