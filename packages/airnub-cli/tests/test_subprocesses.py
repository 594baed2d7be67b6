"""Processes: results in the order of items, whatever becomes of a process.
Programs that commands start: what they print, and how their failures are reported.
"""

import os
import subprocess
import sys
import time
from functools import partial

import pytest

from airnub_cli import subprocesses
from airnub_cli.subprocesses import FEW, ProgramError, map_in_processes, output, require_success, run, start


def doubled(number):
    return number * 2, os.getpid()


def ended(parent, number):
    """One of the items ends its process."""
    if number == 3 and os.getpid() != parent:
        os._exit(1)
    return number


def raised(number):
    raise ValueError(number)


def nothing():
    """No preparation."""


def test_few_items_need_no_process():
    """They are done here."""
    assert map_in_processes(doubled, range(FEW - 1), nothing, nothing) == [(n * 2, os.getpid()) for n in range(FEW - 1)]


MANY = """
import os
from airnub_cli.subprocesses import map_in_processes

def doubled(number):
    return number * 2, os.getpid()

prepared = []
found = map_in_processes(doubled, range(50), lambda: prepared.append(os.getpid()), lambda: None)
assert [result for result, _ in found] == [n * 2 for n in range(50)]
assert os.getpid() not in {process for _, process in found}
assert prepared == [os.getpid()]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_many_items():
    """In their order, elsewhere; what is prepared is prepared here, once. In a process without the threads of tests."""
    subprocess.run([sys.executable, "-c", MANY], check=True)


def test_a_process_that_ends():
    """All is done here then."""
    assert map_in_processes(partial(ended, os.getpid()), range(20), nothing, nothing) == list(range(20))


def test_an_error():
    """It comes out."""
    with pytest.raises(ValueError, match="0"):
        map_in_processes(raised, range(20), nothing, nothing)


def test_nothing_is_forked_beside_threads(monkeypatch):
    """Locks that they hold would be held for ever."""
    monkeypatch.setattr(subprocesses.threading, "active_count", lambda: 2)
    assert {process for _, process in map_in_processes(doubled, range(50), nothing, nothing)} == {os.getpid()}


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


def test_a_run_is_completed_whatever_its_status(tmp_path):
    """Output, error and status are returned, with the given input."""
    code = "import sys; print(sys.stdin.read()); sys.exit('wrong')"
    done = run([sys.executable, "-c", code], tmp_path, given=b"given")
    assert (done.status, done.text, done.error) == (1, "given\n", "wrong")


def test_a_run_that_takes_too_long_is_killed(tmp_path):
    """It does not outlive the error."""
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        run([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, timeout=0.2)
    assert time.monotonic() - began < 30
