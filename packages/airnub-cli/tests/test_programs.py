"""Programs that commands start: what they print, and how their failures are reported."""

import subprocess
import sys

import pytest

from airnub_cli.programs import ProgramError, output, require_success, start


def test_what_it_prints(tmp_path):
    """With its input, in its folder."""
    code = "import os, sys; print(os.getcwd(), sys.stdin.read())"
    assert output([sys.executable, "-c", code], tmp_path, text="given").split() == [str(tmp_path), "given"]


def test_without_input(tmp_path):
    """It reads nothing of what is typed."""
    assert output([sys.executable, "-c", "import sys; print(len(sys.stdin.read()))"], tmp_path).strip() == "0"


def test_one_that_fails(tmp_path):
    """The command, the exit status and its last lines are named; of a long command its beginning."""
    code = "import sys; sys.exit('first\\n' + '\\n'.join(map(str, range(5))))"
    with pytest.raises(ProgramError) as failure:
        output([sys.executable, "-c", code, *map(str, range(20))], tmp_path)
    assert str(failure.value).endswith(" 8 …` to succeed, found exit status 1: 0 / 1 / 2 / 3 / 4")


def test_one_that_prints_its_error_on_stdout(tmp_path):
    """As some do."""
    with pytest.raises(ProgramError, match=r"found exit status 3: no such service$"):
        output(["sh", "-c", "echo no such service; exit 3"], tmp_path)


def test_one_that_says_nothing():
    """That is said; success is nothing to report."""
    require_success(["true"], 0, "a warning")
    with pytest.raises(ProgramError, match="`false` to succeed, found exit status 1: no message"):
        require_success(["false"], 1, "\n")


def test_one_that_is_not_there(tmp_path, monkeypatch):
    """What to do, where that is known."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ProgramError, match=r"expected the command docker, found none; install Docker with Compose 2.24"
    ):
        start(["docker"], tmp_path, stdout=subprocess.DEVNULL)
    with pytest.raises(ProgramError, match=r"expected the command nothing, found none$"):
        output(["nothing"], tmp_path)
