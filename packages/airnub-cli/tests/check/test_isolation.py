"""Suites.
Dockerfiles of departments.
Dependencies: what is imported is declared.
"""

import pytest

from airnub_cli.cache import Cache
from airnub_cli.check.import_contracts import read_imports
from airnub_cli.check.isolation import check_dependencies, check_dockerfile, check_test_isolation


def told_of_tests(house, name):
    """Of one member."""
    return house.told(check_test_isolation(house.member(name), {"alpha_dept", "beta_dept"}))


def test_tests_that_keep_to_themselves(house):
    """Of departments, and of packages, which may write where they like."""
    assert told_of_tests(house, "alpha-dept") == told_of_tests(house, "shared-things") == []


def test_another_department_in_tests(house):
    """Also in a function; they would fail where it is tested alone."""
    house.write("departments/alpha_dept/tests/test_more.py", "x = 1\n\ndef f():\n    from beta_dept import settings\n")
    assert told_of_tests(house, "alpha-dept") == [
        "departments/alpha_dept/tests/test_more.py:4: expected tests that import no other department than "
        "alpha_dept, found beta_dept"
    ]


def test_what_only_looks_like_an_import(house):
    """A text; and what cannot be read is told_of_tests by its tests."""
    house.write("departments/alpha_dept/tests/test_more.py", '"""Text.\n\nfrom beta_dept import settings\n"""\n')
    house.write("departments/alpha_dept/tests/test_broken.py", "def (:\n")
    assert told_of_tests(house, "alpha-dept") == []
    house.write("departments/alpha_dept/tests/test_more.py", "import pytest, beta_dept\n")
    assert len(told_of_tests(house, "alpha-dept")) == 1


def test_tests_that_may_write_into_the_checkout(house):
    """The fixture has to be used."""
    house.write("departments/alpha_dept/tests/conftest.py", "import pytest  # not yet: writes_apart\n")
    [line] = told_of_tests(house, "alpha-dept")
    assert line.startswith("departments/alpha_dept/tests/conftest.py: expected a fixture that uses writes_apart")


GOOD = """\
FROM python:3.13 AS base
USER root
FROM base as department
COPY departments/alpha_dept packages /x/
USER root
RUN true
USER airnub
"""


def told_of_dockerfile(house, text):
    """Of a department with that Dockerfile."""
    house.write("departments/alpha_dept/Dockerfile", text)
    return house.told(check_dockerfile(house.member("alpha-dept")))


def test_a_good_one(house):
    """Or none; root in the middle is fine."""
    assert list(check_dockerfile(house.member("alpha-dept"))) == []
    assert told_of_dockerfile(house, GOOD) == []
    assert told_of_dockerfile(house, GOOD.replace("alpha_dept", "${DEPARTMENT}")) == []
    assert told_of_dockerfile(house, GOOD.replace("COPY departments", "COPY --from=base . /y/\nCOPY departments")) == []
    assert (
        told_of_dockerfile(
            house, GOOD.replace("USER root\nFROM", "USER me\nFROM").replace("USER root\nRUN true\nUSER airnub\n", "")
        )
        == []
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("as department", "as other", ": expected a stage called department (FROM … AS department), found none"),
        ("USER airnub", "USER 0:0", ":7: expected a user other than root at the end of the image, found root"),
        ("USER airnub", "RUN true", ":5: expected a user other than root at the end of the image, found root"),
        ("USER root\nRUN true\nUSER airnub\n", "", ":3: expected a user other than root at the end of the image"),
        ("departments/alpha_dept packages", "departments/", ":4: expected only departments/alpha_dept in its image"),
        ("departments/alpha_dept packages", ".", ":4: expected only departments/alpha_dept in its image, found all"),
        ("departments/alpha_dept", "departments/beta_dept", ":4: expected only departments/alpha_dept in its image"),
    ],
)
def test_what_is_wrong_is_told(house, old, new, expected):
    """With its line."""
    [line] = told_of_dockerfile(house, GOOD.replace(old, new))
    assert line.startswith(f"departments/alpha_dept/Dockerfile{expected}")


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


def test_an_import_that_breaks_a_contract_is_not_reported_again(house, tmp_path):
    """It has to go, so declaring it is no advice; it is not remembered as declared either."""
    house.write("departments/alpha_dept/src/alpha_dept/tasks.py", "import yaml\n")
    imports = read_imports(house.workspace, [])
    imports.broken.add(("alpha_dept.tasks", "yaml"))
    cache = Cache(tmp_path / "cache")
    assert house.told(check_dependencies(house.workspace, imports, cache)) == []
    assert len(house.told(check_dependencies(house.workspace, read_imports(house.workspace, []), cache))) == 1


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
