"""The demo's site, asked over HTTP as the flows ask it."""

from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from department_template.demo import DEMO, FILE
from department_template.department import DEPARTMENT


def test_the_shipped_file_is_served(site):
    """Byte for byte."""
    with urlopen(site.url("/measurements.csv")) as answer:
        assert answer.read() == FILE.read_bytes()


def test_a_failure_is_a_file_that_is_gone(broken_site):
    """At the same URL."""
    with pytest.raises(HTTPError, match="410") as error:
        urlopen(broken_site.url("/measurements.csv"))
    error.value.close()


def test_there_are_settings_for_every_stage(site, tmp_path):
    """Under the names of the stages."""
    settings = DEMO.settings(site, tmp_path)
    assert {stage.name: stage.load_settings() for stage in DEPARTMENT.stages} == {
        name: type(value) for name, value in settings.items()
    }
