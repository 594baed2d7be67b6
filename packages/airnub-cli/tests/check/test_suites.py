"""Suites."""

from airnub_cli.check.suites import check_test_isolation


def told(house, name):
    """Of one member."""
    return house.told(check_test_isolation(house.workspace, house.member(name)))


def test_tests_that_keep_to_themselves(house):
    """Of departments, and of packages, which may write where they like."""
    assert told(house, "alpha-dept") == told(house, "shared-things") == []


def test_another_department_in_tests(house):
    """Also in a function; they would fail where it is tested alone."""
    house.write("departments/alpha_dept/tests/test_more.py", "x = 1\n\ndef f():\n    from beta_dept import settings\n")
    assert told(house, "alpha-dept") == [
        "departments/alpha_dept/tests/test_more.py:4: expected tests of alpha_dept alone, found an import of beta_dept"
    ]


def test_what_only_looks_like_an_import(house):
    """A text; and what cannot be read is told by its tests."""
    house.write("departments/alpha_dept/tests/test_more.py", '"""Text.\n\nfrom beta_dept import settings\n"""\n')
    house.write("departments/alpha_dept/tests/test_broken.py", "def (:\n")
    assert told(house, "alpha-dept") == []
    house.write("departments/alpha_dept/tests/test_more.py", "import pytest, beta_dept\n")
    assert len(told(house, "alpha-dept")) == 1


def test_tests_that_may_write_into_the_checkout(house):
    """The fixture has to be used."""
    house.write("departments/alpha_dept/tests/conftest.py", "import pytest  # not yet: writes_apart\n")
    [line] = told(house, "alpha-dept")
    assert line.startswith("departments/alpha_dept/tests/conftest.py: expected a fixture that uses writes_apart")
