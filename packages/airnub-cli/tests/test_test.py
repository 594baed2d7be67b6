"""`airnub test`, with real wheels and environments."""

import shutil
import subprocess

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.test import run_alone, run_each_alone
from airnub_cli.workspace import Workspace

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not on the PATH; `pip install uv`"),
]


@pytest.fixture
def write_test(checkout):
    """Write tests of the member `middle`, and lock the workspace."""

    def write(source):
        folder = checkout / "packages" / "middle" / "tests"
        folder.mkdir()
        (folder / "test_it.py").write_text(source)
        subprocess.run(["uv", "lock", "--quiet"], cwd=checkout, check=True)
        workspace = Workspace.around(checkout)
        return workspace, workspace.named("middle")

    return write


def test_what_is_declared_is_there(write_test, checkout, monkeypatch):
    """A member finds itself, the members that it declares and its extras; not the sources beside it.

    Python keeps the bytecode of the new environment, whatever it may do here; the workspace's `conftest.py` holds.
    """
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "/nowhere")
    (checkout / "conftest.py").write_text("import base\nbase.IS_PREPARED = True\n")
    workspace, member = write_test(
        "import base, iniconfig, middle, pathlib\n"
        "def test_it():\n    assert 'site-packages' in middle.__file__\n    assert 'site-packages' in base.__file__\n"
        "    assert pathlib.Path(iniconfig.__cached__).is_file()\n    assert base.IS_PREPARED\n"
    )
    assert run_alone(workspace, member) == 0


def test_what_is_not_declared_is_caught(write_test):
    """The import of a member that is not declared fails the tests."""
    workspace, member = write_test("import top_one\ndef test_it(): ...\n")
    assert run_alone(workspace, member, ["-q"]) != 0


def test_several_members_at_once(write_test, checkout):
    """Each with its status and output, in the given order."""
    (checkout / "packages/base/tests").mkdir()
    (checkout / "packages/base/tests/test_base.py").write_text("def test_base():\n    assert False, 'base is broken'\n")
    workspace, middle = write_test("import middle\ndef test_it(): ...\n")
    first, second = run_each_alone(workspace, [workspace.named("base"), middle], ["-q"], jobs=2)
    assert (first[0].name, first[1]) == ("base", 1)
    assert "base is broken" in first[2]
    assert second[:2] == (middle, 0)
    assert "1 passed" in second[2]


def test_without_uv(checkout, monkeypatch):
    """A missing program is one line, and no traceback."""
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("PATH", str(checkout))
    done = CliRunner().invoke(main, ["test", "middle"])
    assert (done.exit_code, done.stderr) == (
        2,
        "middle, in isolation\nError: expected the command uv, found none; pip install uv\n",
    )
