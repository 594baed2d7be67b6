"""The demo's site, requested over HTTP as the flows do."""

from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from department_template.department import DEPARTMENT
from department_template.example.demo import DEMO

PATHS = list(DEMO.routes(with_failure=False))


@pytest.mark.parametrize("path", PATHS)
def test_everything_is_served(site, path):
    """Paths begin with the department, since `airnub dev` serves the sites of all departments as one."""
    assert path.startswith(f"/{DEPARTMENT.command}/")
    with urlopen(site.url(path)) as answer:
        assert answer.read()


@pytest.mark.parametrize("path", PATHS)
def test_with_a_failure_every_url_is_gone(broken_site, path):
    """The URLs are the same, with the status 410."""
    with pytest.raises(HTTPError, match="410") as error:
        urlopen(broken_site.url(path))
    error.value.close()


def test_the_department_names_the_demo():
    """The command `demo` finds it."""
    assert DEPARTMENT.load_demo() is DEMO


def test_there_are_settings_for_every_stage(site, tmp_path):
    """They have the names of the stages."""
    settings = DEMO.settings(site, tmp_path)
    assert {stage.name: stage.load_settings() for stage in DEPARTMENT.stages} == {
        name: type(value) for name, value in settings.items()
    }
