"""The workspace: its members, and whether their departments are installed."""

import sys
from importlib.util import find_spec

import pytest

from airnub_cli.workspace import (
    INSTALL_ALL,
    Workspace,
    WorkspaceError,
    advice,
    importable,
    is_installed,
    normalized,
    not_installed,
    require_importable,
)
from airnub_prefect.errors import ConfigurationError, Diagnostic


def test_members_are_found_from_any_folder_of_it(checkout):
    """With kind, module, extras and dependencies."""
    workspace = Workspace.around(checkout / "departments" / "top_one" / "src")
    assert workspace.root == checkout
    assert {(one.name, one.kind, one.module) for one in workspace.members.values()} == {
        ("base", "package", "base"),
        ("middle", "package", "middle"),
        ("top-one", "department", "top_one"),
    }
    assert workspace.members["middle"].extras == ("more",)
    assert workspace.members["top-one"].depends_on == {"middle"}


@pytest.mark.parametrize("name", ["top-one", "top_one"])
def test_a_member_has_several_names(checkout, name):
    """Distribution, folder and package name the same member."""
    assert Workspace.around(checkout).named(name).name == "top-one"


def test_an_unknown_name_is_an_error_with_the_known_ones(checkout):
    """The error lists all members."""
    with pytest.raises(WorkspaceError, match="found 'topone'; valid are top-one, base, middle"):
        Workspace.around(checkout).named("topone")


def test_the_closure_has_all_dependencies(checkout):
    """The member itself, and its transitive dependencies."""
    workspace = Workspace.around(checkout)
    assert [one.name for one in workspace.closure(workspace.named("top-one"))] == ["base", "middle", "top-one"]
    assert [one.name for one in workspace.closure(workspace.named("base"))] == ["base"]


def test_outside_of_a_workspace(tmp_path):
    """The error has the folder."""
    with pytest.raises(WorkspaceError, match="expected a uv workspace around"):
        Workspace.around(tmp_path)


def test_names_are_compared_as_indexes_do():
    """PEP 503."""
    assert normalized("Import_Linter.x--y") == "import-linter-x-y"


MISSING = Diagnostic("a", 1, f"found: No module named 'x'; {INSTALL_ALL}")


def test_members_that_are_not_installed_can_be_imported_meanwhile(checkout, monkeypatch):
    """Not afterwards; a folder that is on the path already, or does not exist, is not added."""
    before = list(sys.path)
    folder = checkout / "departments/top_one/src"
    with importable([folder, checkout / "nowhere"]):
        __import__("top_one")
        assert sys.path == [*before, str(folder)]
        with importable([folder]):
            assert sys.path == [*before, str(folder)]
    assert sys.path == before
    del sys.modules["top_one"]


@pytest.mark.parametrize("earlier", ["two_places.py", "two_places/__init__.py"])
def test_a_package_is_imported_from_the_first_folder_that_has_it(tmp_path, monkeypatch, earlier):
    """As Python does it: of two on the path, and where a folder without `__init__.py` comes first."""
    for name in (f"first/{earlier}", "later/two_places/__init__.py", "later/spread/__init__.py", "first/spread/a.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.syspath_prepend(tmp_path / "first")
    try:
        with importable([tmp_path / "later"]):
            assert __import__("two_places").__file__ == str(tmp_path / "first" / earlier)
            assert __import__("spread").__file__ == str(tmp_path / "later" / "spread" / "__init__.py")
    finally:
        for name in ("two_places", "spread"):
            sys.modules.pop(name, None)


def test_folders_of_other_packages_are_not_searched(tmp_path, monkeypatch):
    """With hundreds of departments on the path, a search of their folders takes longer than the import."""
    (tmp_path / "first").mkdir()
    (tmp_path / "last" / "at_the_end").mkdir(parents=True)
    (tmp_path / "last" / "at_the_end" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "first")
    before, searched = list(sys.meta_path), []

    class Searched:
        def find_spec(self, name, _target=None):
            searched.append(name)

    with importable([tmp_path / "last"]):
        monkeypatch.setitem(sys.path_importer_cache, str(tmp_path / "first"), Searched())
        assert find_spec("at_the_end").origin == str(tmp_path / "last" / "at_the_end" / "__init__.py")
        assert find_spec("nowhere_at_all") is None
    assert searched == ["nowhere_at_all"]
    assert sys.meta_path == before


def test_folders_with_packages_alone_are_not_searched(tmp_path, monkeypatch):
    """A folder that has anything else is; all are searched again after the block."""
    for name in ("packages/in_order/__init__.py", "mixed/other_one/__init__.py", "mixed/a_module.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    folders = [tmp_path / "packages", tmp_path / "mixed"]
    for folder in folders:
        monkeypatch.syspath_prepend(folder)
    with importable(folders):
        assert find_spec("no_such_module") is None
        hidden = [folder.name for folder in folders if sys.path_importer_cache[str(folder)] is None]
        found = [find_spec(name).origin for name in ("in_order", "other_one", "a_module")]
    assert hidden == ["packages"]
    assert found == [str(tmp_path / "packages/in_order/__init__.py"), str(tmp_path / "mixed/other_one/__init__.py"),
                     str(tmp_path / "mixed/a_module.py")]  # fmt: skip
    assert find_spec("in_order").origin == found[0]


def test_departments_that_are_not_installed_are_named_with_the_command(checkout, monkeypatch):
    """By distribution; packages of the workspace are installed with them."""
    workspace = Workspace.around(checkout)
    assert not_installed(workspace) == ["top-one"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/airnub", "compile", "-o", "my file.yaml"])
    said = advice(workspace, [MISSING])
    assert said is not None
    assert said.startswith("not installed here: top-one; ")
    assert said.endswith("`uv run --all-packages airnub compile -o 'my file.yaml'`")


def test_what_an_interrupted_installation_left(checkout, monkeypatch, tmp_path):
    """A `.dist-info` without metadata has no name, and is ignored."""
    (tmp_path / "broken-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert not_installed(Workspace.around(checkout)) == ["top-one"]


def test_other_mistakes_have_no_such_command(checkout):
    """Nor if every department is installed."""
    workspace = Workspace.around(checkout)
    assert advice(workspace, [Diagnostic("a", 1, "unknown key 'x'")]) is None
    assert advice(Workspace(checkout, {"base": workspace.members["base"]}), [MISSING]) is None
    assert is_installed("airnub-cli")


def test_departments_that_run_must_be_installed(monkeypatch):
    """Importable sources are not enough, since runs are separate processes."""
    require_importable(["airnub_cli"])
    monkeypatch.setattr(sys, "argv", ["airnub", "dev"])
    with pytest.raises(ConfigurationError, match=r"orders_of_today: expected the department .* airnub dev`"):
        require_importable(["airnub_cli", "orders_of_today"])
