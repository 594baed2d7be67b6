"""A department."""

import pytest
from department_for_tests.department import DEPARTMENT
from department_for_tests.settings import CountingSettings

from airnub_prefect.department import Department, Stage


def test_parts_are_found_by_name():
    """Flows, settings and the demo are imported from where they are said to be."""
    from department_for_tests import demo, flows

    [_, counting, _] = DEPARTMENT.stages
    assert counting.load_flow() is flows.counting
    assert counting.load_settings() is CountingSettings
    assert DEPARTMENT.load_pipeline() is flows.pipeline
    assert DEPARTMENT.load_demo() is demo.DEMO


def test_a_department_may_be_without_a_demo():
    """The error says where one would be named."""
    with pytest.raises(ValueError, match=r"expected a demo of x, found none; name one in its department\.py"):
        Department("x", (), "flows:pipeline").load_demo()


def test_the_command_has_dashes():
    """People type dashes where the package has underscores."""
    assert DEPARTMENT.command == "department-for-tests"


def test_a_part_that_is_not_there():
    """A wrong name is Python's own error, which says what is missing where."""
    with pytest.raises(AttributeError, match="nowhere"):
        Stage("x", "department_for_tests:nowhere", "").load_flow()
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        Department("x", (), "nowhere:flow", "").load_pipeline()
