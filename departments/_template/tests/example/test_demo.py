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


def test_with_a_failure_one_url_is_gone(broken_site):
    """It has the status 410; every other one is served."""
    found = {}
    for path in DEMO.routes(with_failure=True):
        try:
            urlopen(broken_site.url(path)).close()
        except HTTPError as error:
            found[path] = error.code
            error.close()
    assert list(found.values()) == [410]


def test_the_department_names_the_demo():
    """The command `demo` finds it."""
    assert DEPARTMENT.load_demo() is DEMO


def test_there_are_settings_for_every_stage(site, tmp_path):
    """They have the names of the stages."""
    settings = DEMO.settings(site, tmp_path)
    assert {stage.name: stage.load_settings() for stage in DEPARTMENT.stages} == {
        name: type(value) for name, value in settings.items()
    }
