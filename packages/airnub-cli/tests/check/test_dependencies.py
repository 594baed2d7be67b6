"""Dependencies: what is imported is declared."""

import pytest

from airnub_cli.check.dependencies import check_dependencies
from airnub_cli.check.import_graph import read_imports


def wrong(house):
    """What is told of imports."""
    return house.told(check_dependencies(house.workspace, read_imports(house.workspace, [])))


def test_a_good_house_declares_what_it_imports(house):
    """Nothing to tell."""
    assert wrong(house) == []


def test_what_comes_along_with_something_else_is_not_declared(house):
    """The line, the name of the distribution, and the command that declares it."""
    house.write("departments/alpha_dept/src/alpha_dept/tasks.py", "import json\n\nimport yaml\n")
    [told] = wrong(house)
    assert told.startswith("departments/alpha_dept/src/alpha_dept/tasks.py:3: alpha-dept imports yaml, and does not")
    assert told.endswith("`uv add --package alpha-dept pyyaml`")


def test_a_name_that_nobody_knows_is_taken_as_it_is(house):
    """What is not installed may have any name."""
    house.write("departments/alpha_dept/src/alpha_dept/tasks.py", "import not_installed_here.part\n")
    [told] = wrong(house)
    assert "imports not_installed_here, and does not declare not-installed-here" in told


def test_extras_count_and_groups_for_tests_do_not(house):
    """But for a module `testing`, which the tests of others import."""
    house.change(
        "departments/alpha_dept/pyproject.toml",
        "[project.scripts]",
        '[dependency-groups]\ndev = ["pytest", {include-group = "more"}]\nmore = []\n'
        '[project.optional-dependencies]\nscience = ["PyYAML>=6"]\n[project.scripts]',
    )
    house.write("departments/alpha_dept/src/alpha_dept/tasks.py", "import yaml\n")
    house.write("departments/alpha_dept/src/alpha_dept/testing.py", "import pytest\n")
    assert wrong(house) == []
    house.write("departments/alpha_dept/src/alpha_dept/tasks.py", "import pytest\n")
    assert len(wrong(house)) == 1


@pytest.mark.parametrize(
    "code", ['import_module("beta_dept.tasks")', "__import__('beta_dept')", 'import_module(f"beta_dept.{x}")']
)
def test_another_member_by_its_name_in_quotes(house, code):
    """No graph shows it, and it is told all the same; a member may import itself so."""
    house.write("departments/alpha_dept/src/alpha_dept/tasks.py", f"\n{code}\n{code.replace('beta', 'alpha')}\n")
    [told] = wrong(house)
    assert told.endswith("tasks.py:2: alpha-dept imports beta_dept by its name, and does not declare beta-dept")


def test_an_import_of_what_is_declared_and_not_installed_here_is_no_mistake(house):
    """As that of an extra in a fresh clone: which modules a distribution has, only its files say."""
    house.change(
        "departments/alpha_dept/pyproject.toml",
        "[project.scripts]",
        '[project.optional-dependencies]\nscience = ["not-installed-here"]\n[project.scripts]',
    )
    house.write("departments/alpha_dept/src/alpha_dept/tasks.py", "import nih\n")
    assert wrong(house) == []
    house.write("departments/alpha_dept/src/alpha_dept/tasks.py", "import yaml\n")
    assert len(wrong(house)) == 1
