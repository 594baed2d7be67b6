"""Conformance: names and files.
Placement: where a member must be named besides.
The lock: asked of a real uv.
"""

import shutil
import subprocess

import pytest

from airnub_cli.check.conformance import check_lock, check_member, check_projects, check_registration, line_of


def test_good_members_have_no_mistakes(house):
    """A department and a package."""
    assert list(check_projects(house.root)) == []
    assert [one for member in house.workspace.members.values() for one in check_member(house.workspace, member)] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[project\n", ":1: broken TOML"),
        (b"\xff\xfe", ": expected TOML in UTF-8"),
        ("[tool]\n", ": expected a [project] with a name"),
        ('[project]\nversion = "0"\n', ": expected a [project] with a name"),
    ],
)
def test_a_project_that_cannot_be_read(house, text, expected):
    """Where, and what was expected."""
    path = house.root / "departments/alpha_dept/pyproject.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    [told] = house.told(check_projects(house.root))
    assert f"departments/alpha_dept/pyproject.toml{expected}" in told


def test_a_folder_without_a_project(house):
    """It lies where members lie; one that holds nothing but caches is what another branch left."""
    house.write("departments/gamma/README.md", "x")
    house.write("departments/delta/src/delta/__pycache__/x.pyc", "")
    assert house.told(check_projects(house.root)) == [
        "departments/gamma/pyproject.toml: expected a pyproject.toml in each folder of departments/, found none"
    ]


def wrong(house, name):
    """What is told of a member."""
    return house.told(check_member(house.workspace, house.member(name)))


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "apt-packages.txt",
        *(f"src/alpha_dept/{name}" for name in ("__main__.py", "department.py", "settings.py", "flows/__init__.py")),
        "src/alpha_dept/py.typed",
    ],
)
def test_a_missing_file(house, path):
    """Each is named."""
    (house.root / "departments/alpha_dept" / path).unlink()
    assert wrong(house, "alpha_dept") == [f"departments/alpha_dept/{path}: expected this file, found none"]


def test_a_package_needs_less(house):
    """No flows, no command."""
    (house.root / "packages/shared-things/src/shared_things/py.typed").unlink()
    assert wrong(house, "shared-things") == [
        "packages/shared-things/src/shared_things/py.typed: expected this file, found none"
    ]


def test_no_sources_no_tests_a_short_readme_and_two_packages(house):
    """All at once."""
    folder = house.root / "departments/alpha_dept"
    shutil.move(folder / "src/alpha_dept", folder / "src/other_dept")
    shutil.rmtree(folder / "tests")
    house.write("departments/alpha_dept/README.md", "x")
    assert wrong(house, "alpha_dept") == [
        "departments/alpha_dept/README.md: expected its purpose and how to run it, found only 1 bytes",
        "departments/alpha_dept/src/alpha_dept: expected the package's sources in this folder, found none",
        "departments/alpha_dept/src/other_dept: expected only alpha_dept in src/, found other_dept too; "
        "a member has one package",
        "departments/alpha_dept/tests: expected tests (test_*.py), found none",
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('name = "alpha-dept"', 'name = "alpha_dept"', "pyproject.toml:2: expected a name in lower case"),
        ('name = "alpha-dept"', 'name = "other"', "pyproject.toml:2: expected name = 'alpha-dept', from its folder's"),
        ("alpha_dept.__main__:main", "x:main", "pyproject.toml:7: expected [project.scripts] alpha-dept = 'alpha_dept"),
        (
            '">=3.11"',
            '">=3.12"',
            "pyproject.toml:4: expected requires-python = '>=3.11' as in the root, found '>=3.12'",
        ),
    ],
)
def test_names_that_do_not_fit(house, old, new, expected):
    """With the line in the project's file."""
    house.change("departments/alpha_dept/pyproject.toml", old, new)
    [member] = [one for one in house.workspace.members.values() if one.folder.name == "alpha_dept"]
    found = house.told(check_member(house.workspace, member))
    assert any(f"departments/alpha_dept/{expected}" in one for one in found)


def test_a_folder_that_is_no_identifier(house):
    """It could not be imported."""
    (house.root / "departments/alpha_dept").rename(house.root / "departments/alpha-dept")
    assert any(
        "expected a folder named like a Python package in lower case" in one for one in wrong(house, "alpha-dept")
    )


def test_a_department_that_describes_nothing(house):
    """Its command would find no DEPARTMENT; annotated or not, one is enough."""
    house.write("departments/alpha_dept/src/alpha_dept/department.py", "OTHER = 1\n")
    assert wrong(house, "alpha_dept") == [
        "departments/alpha_dept/src/alpha_dept/department.py: expected DEPARTMENT = Department(...), found none"
    ]
    house.write("departments/alpha_dept/src/alpha_dept/department.py", "DEPARTMENT: object = 1\n")
    assert wrong(house, "alpha_dept") == []
    house.write("departments/alpha_dept/src/alpha_dept/department.py", "DEPARTMENT = (\n")
    assert wrong(house, "alpha_dept") == []  # broken Python is told where it is imported


def test_the_line_of_a_key(tmp_path):
    """The first that sets it, quoted or not."""
    path = tmp_path / "x.toml"
    path.write_text('a = 1\n"b-c" = 2\n  d=3\n')
    assert [line_of(path, key) for key in ("a", "b-c", "d", "e")] == [1, 2, 3, None]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("apt-packages.txt", "libpq5\n$(rm)  # x\n", "apt-packages.txt:2: expected the name of a Debian package"),
        ("template.toml", "tree =\n", "template.toml: expected the format of `airnub new department`"),
        ("template.toml", 'tree = "x"\n', "template.toml: expected the format of `airnub new department`"),
        ("src/helper.py", "", "src/helper.py:1: expected modules in src/alpha_dept/, found one beside it"),
        ("README.md", "x\n" * 200 + "department-template\n", "README.md:201: expected the names of alpha_dept, found"),
    ],
)  # fmt: skip
def test_files_that_say_something_wrong(house, path, text, expected):
    """With the line, where there is one."""
    house.write(f"departments/alpha_dept/{path}", text)
    told = house.told(check_member(house.workspace, house.member("alpha-dept")))
    assert any(line.startswith(f"departments/alpha_dept/{expected}") for line in told), told


def test_names_of_packages_are_no_mistakes(house):
    """With an architecture or a version; and what the template recorded."""
    house.write("departments/alpha_dept/apt-packages.txt", "# x\nlibpq5 g++ zlib1g:amd64\ncurl=8.1-2~deb1\n")
    house.write("departments/alpha_dept/template.toml", f'tree = "{"0" * 40}"\n')
    assert house.told(check_member(house.workspace, house.member("alpha-dept"))) == []


def test_a_version_of_what_the_workspace_has(house):
    """It would be passed over; extras and markers are fine, and so are versions of others."""
    path = "departments/alpha_dept/pyproject.toml"
    house.change(path, '"shared-things"', '"shared-things[x]; python_version > \'3\'", "polars>=2"')
    assert house.told(check_member(house.workspace, house.member("alpha-dept"))) == []
    house.change(path, "shared-things[x]", "shared-things[x]>=1")
    [told] = house.told(check_member(house.workspace, house.member("alpha-dept")))
    assert told == f"{path}:5: expected no version of shared-things, a member of the workspace, found '>=1'"


def test_a_good_house(house):
    """Everybody is placed; tools that are not used ask for nothing."""
    assert house.told(check_registration(house.workspace)) == []
    house.write("pyproject.toml", '[tool.uv.workspace]\nmembers = ["packages/*", "departments/*"]\n')
    assert house.told(check_registration(house.workspace)) == []


def test_a_folder_that_no_pattern_finds(house):
    """It lies where members lie, and uv does not know of it."""
    house.write("pyproject.toml", '[tool.uv.workspace]\nmembers = ["packages/*", "departments/beta_dept"]\n')
    assert house.told(check_registration(house.workspace)) == [
        "departments/alpha_dept/pyproject.toml: expected its folder in `members` of pyproject.toml, found it missing"
    ]


def test_a_member_that_nobody_placed_and_one_that_is_gone(house):
    """Each place, with its line."""
    house.change("pyproject.toml", '"alpha_dept", "beta_dept"]', '"beta_dept", "gone"]')
    house.change("pyproject.toml", "alpha_dept | beta_dept", "beta_dept")
    assert house.told(check_registration(house.workspace)) == [
        "pyproject.toml:12: expected 'alpha_dept' in root_packages of tool.importlinter, found it missing",
        "pyproject.toml:12: expected members of the workspace in root_packages of tool.importlinter, found 'gone'",
        "pyproject.toml:18: expected 'alpha_dept' in layers of the import contract `layers`, found it missing",
    ]


@pytest.fixture
def locked(tmp_path):
    """A project with its lock, without dependencies."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0"\nrequires-python = ">=3.11"\n')
    subprocess.run(["uv", "lock", "--quiet", "--offline"], cwd=tmp_path, check=True)
    return tmp_path


def test_a_lock_that_fits(locked):
    """Nothing to tell."""
    assert list(check_lock(locked)) == []


def test_a_lock_that_does_not(locked):
    """And the command that writes it."""
    (locked / "pyproject.toml").write_text('[project]\nname = "y"\nversion = "0"\nrequires-python = ">=3.11"\n')
    [told] = check_lock(locked)
    assert told.where == str(locked / "uv.lock")
    assert told.message.startswith("uv.lock is out of date: ")
    assert told.message.endswith("`uv lock`")


def test_without_uv(locked, monkeypatch):
    """What is missing."""
    monkeypatch.setenv("PATH", str(locked))
    assert shutil.which("uv") is None
    [told] = check_lock(locked)
    assert "`pip install uv`" in told.message
