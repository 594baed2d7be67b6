"""Targets with their reasons, members, and the dependency graph."""

import pytest

from airnub_cli.affected.graph import Concern, Graph, Impacts, Target, complete, shown
from airnub_cli.lock import load_lock
from airnub_cli.workspace import WorkspaceError

ALPHA = Target("department", "alpha", frozenset(Concern))
TEMPLATE = Target("department", "_template", frozenset({Concern.TESTS}))
CORE = Target("package", "core", frozenset({Concern.TESTS}))
PREFECT = Target("image", "prefect", frozenset({Concern.IMAGE}))


def said(findings):
    """The concerns and reasons of each target."""
    return [(one.target.name, [str(concern) for concern in one.concerns], list(one.reasons)) for one in findings]


def test_a_new_image_is_deployed_too():
    """Deployments name images by digest. Concerns have a fixed order."""
    findings = Impacts()
    findings.add(ALPHA, ["file"], {Concern.TESTS, Concern.IMAGE})
    assert said(findings) == [("alpha", ["image", "tests", "deployment"], ["file → alpha"])]


def test_concerns_that_a_target_does_not_have_are_dropped():
    """The template has no image; a package has neither an image nor a deployment."""
    findings = Impacts()
    findings.add(TEMPLATE, ["file"], {Concern.IMAGE})
    findings.add(CORE, ["file"], {Concern.IMAGE, Concern.TESTS})
    findings.add(PREFECT, ["file"], {Concern.IMAGE})
    assert said(findings) == [("core", ["tests"], ["file → core"]), ("prefect", ["image"], ["file → prefect"])]


def test_departments_packages_images():
    """Each kind is sorted by name, in whatever order targets were found."""
    findings = Impacts()
    for target in (PREFECT, CORE, ALPHA, TEMPLATE):
        findings.add(target, ["file"], Concern)
    assert [one.target for one in findings] == [TEMPLATE, ALPHA, CORE, PREFECT]


def test_reasons_are_listed_once():
    """A repeated step is listed once, too."""
    findings = Impacts()
    findings.add(CORE, ["file", "core"], {Concern.TESTS})
    findings.add(CORE, ["file", "core"], {Concern.TESTS})
    findings.add(CORE, ["other"], {Concern.TESTS})
    assert said(findings) == [("core", ["tests"], ["file → core", "other → core"])]


def test_the_template():
    """The template is a department that is neither built nor deployed; a package is not."""
    assert [one.is_template for one in (TEMPLATE, ALPHA, CORE, PREFECT)] == [True, False, False, False]


def test_names_of_files_are_one_line():
    """Line breaks, colours and bytes that are not text are escaped."""
    assert shown("a\nb\x1b[31m\udcff ü → é") == "a\\nb\\x1b[31m\\udcff ü → é"


def completed(checkout, *changed):
    """The lock and the members of a checkout in which files changed."""
    return complete(checkout.root, load_lock((checkout.root / "uv.lock").read_text()), changed)


def test_members_of_the_lock(checkout):
    """Members by folder, each a department or a package."""
    _, members = completed(checkout)
    assert {folder: (one.kind, one.name) for folder, one in members.targets().items()} == {
        "departments/_template": ("department", "_template"),
        "departments/alpha": ("department", "alpha"),
        "departments/beta": ("department", "beta"),
        "packages/airnub-core": ("package", "airnub-core"),
        "packages/airnub-prefect": ("package", "airnub-prefect"),
    }
    assert members.unlocked == ()


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("departments/alpha/src/alpha/__init__.py", "departments/alpha"),
        ("departments/alpha/README.md", "departments/alpha"),
        ("departments/alphabet/README.md", None),
        ("departments/alpha", "departments/alpha"),
        ("departments/alp", None),
        ("README.md", None),
    ],
)
def test_the_member_of_a_file(checkout, path, folder):
    """A folder's name may be the prefix of a different one; the folder of a submodule is itself a file."""
    assert completed(checkout)[1].around(path) == folder


def test_a_member_that_is_not_locked_yet(checkout):
    """It depends on what it declares, with any spelling of the names."""
    checkout.write(
        "departments/gamma/pyproject.toml",
        '[project]\nname = "Gamma_Team"\ndependencies = ["Airnub_Core[tables] >= 0", "joblib; os_name > \'3\'"]\n'
        '[project.optional-dependencies]\nmore = ["polars[all]~=2.0"]\n',
    )
    lock, members = completed(checkout, "departments/gamma/pyproject.toml")
    assert members.unlocked == ("gamma-team",)
    found = lock.slice("gamma-team")
    assert found.members == ("departments/gamma", "packages/airnub-core")
    assert "joblib" in found.text
    assert "polars" in found.text


@pytest.mark.parametrize(
    "path", ["tests/data/pyproject.toml", "departments/gamma/deep/pyproject.toml", "departments/none/pyproject.toml"]
)
def test_not_every_pyproject_is_one_of_a_member(checkout, path):
    """Only existing files with a name, in folders of members."""
    if "none" not in path:
        checkout.write(path, '[project]\nname = "gamma"\n')
    assert completed(checkout, path)[1].unlocked == ()


def test_a_locked_member_without_files(checkout):
    """It is not a member."""
    checkout.git("rm", "-r", "--quiet", "departments/beta")
    lock, members = completed(checkout)
    assert "departments/beta" not in members.packages
    assert lock.named("beta") == []


def test_a_pyproject_that_is_no_toml(checkout):
    """The error names the file."""
    checkout.write("departments/gamma/pyproject.toml", "[project\n")
    with pytest.raises(WorkspaceError, match=r"gamma/pyproject.toml: expected TOML, found"):
        completed(checkout, "departments/gamma/pyproject.toml")


@pytest.fixture
def affected(checkout):
    """The targets that depend on a package, or on an extra or a group of it."""

    def ask(name, part=""):
        lock, members = complete(checkout.root, load_lock((checkout.root / "uv.lock").read_text()), [])
        findings = Impacts()
        [package] = lock.named(name)
        Graph(lock, members).add_dependents(findings, package.node(part), "why")
        return {one.target.name: (" ".join(one.concerns), *one.reasons) for one in findings}

    return ask


def test_directly_and_through_others(affected):
    """The reason is the shortest chain."""
    assert affected("polars") == {
        "airnub-core": ("tests", "why → airnub-core"),
        "alpha": ("image tests deployment", "why → airnub-core → alpha"),
    }


def test_what_only_tests_need_is_in_no_image(affected):
    """A dependency in a group affects only tests."""
    assert affected("pytest") == {"alpha": ("tests", "why → alpha")}


def test_an_extra_affects_its_users(affected):
    """It also affects the tests of its own package, which install all extras."""
    assert set(affected("airnub-core", "[tables]")) == {"airnub-core", "alpha"}
    assert affected("airnub-prefect", "[worker]") == {
        "airnub-prefect": ("tests", "why → airnub-prefect"),
        "prefect": ("image", "why → airnub-prefect → prefect"),
    }


def test_a_department_affects_itself(affected):
    """No member depends on a department."""
    assert affected("alpha") == {"alpha": ("image tests deployment", "why → alpha")}
    assert set(affected("airnub-prefect")) == {"airnub-prefect", "prefect"}


def test_cycles_end(checkout, affected):
    """Third-party packages may depend on each other in cycles."""
    checkout.replace(
        "uv.lock", 'name = "polars"\nversion = "2.1"\nsource = { registry = "https://pypi.example/simple" }\n',
        'name = "polars"\nversion = "2.1"\nsource = { registry = "https://pypi.example/simple" }\n'
        'dependencies = [\n    { name = "airnub-core", extra = ["tables"] },\n]\n',
    )  # fmt: skip
    assert affected("polars")["alpha"] == ("image tests deployment", "why → airnub-core → alpha")
