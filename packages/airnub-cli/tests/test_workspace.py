"""The workspace."""

import pytest

from airnub_cli.workspace import Workspace, WorkspaceError, normalized


def test_members_are_found_from_any_folder_of_it(checkout):
    """From deep inside, every member is known with its kind, module, extras and the members it stands on."""
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
    """Who mistypes reads what there is."""
    with pytest.raises(WorkspaceError, match="found 'topone'; there are top-one, base, middle"):
        Workspace.around(checkout).named("topone")


def test_the_closure_holds_everything_below(checkout):
    """A member's closure is itself and all it stands on, however far down."""
    workspace = Workspace.around(checkout)
    assert [one.name for one in workspace.closure(workspace.named("top-one"))] == ["base", "middle", "top-one"]
    assert [one.name for one in workspace.closure(workspace.named("base"))] == ["base"]


def test_outside_of_a_workspace(tmp_path):
    """Where there is no workspace, the error says where it was looked for."""
    with pytest.raises(WorkspaceError, match="expected a uv workspace around"):
        Workspace.around(tmp_path)


def test_names_are_compared_as_indexes_do():
    """PEP 503."""
    assert normalized("Import_Linter.x--y") == "import-linter-x-y"
