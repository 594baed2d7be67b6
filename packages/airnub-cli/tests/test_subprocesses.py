"""Child processes: a parallel map, captured output, errors, process trees, and the watchdog of `airnub dev`."""

import gc
import io
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import pytest

from airnub_cli import subprocesses
from airnub_cli.subprocesses import (
    FEW,
    ProgramError,
    beside,
    end_processes,
    map_in_processes,
    output,
    process_tree,
    require_success,
    run,
    start,
    still_guarded,
    without_collection,
)


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
    """A preparation that does nothing."""


def test_the_garbage_collector_is_off_during_a_command():
    """It is on again after it, also after an error."""

    @without_collection()
    def command():
        states.append(gc.isenabled())
        raise ValueError

    states = []
    with pytest.raises(ValueError):
        command()
    assert (states, gc.isenabled()) == ([False], True)


def test_few_items_need_no_process():
    """They are mapped in this process."""
    assert map_in_processes(doubled, range(FEW - 1), nothing, nothing) == [(n * 2, os.getpid()) for n in range(FEW - 1)]


MANY = """
import os
import signal
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
    """Results are in order, from other processes; the preparation runs once, here, in a process without threads."""
    subprocess.run([sys.executable, "-c", MANY], check=True)


def test_a_process_that_ends():
    """Then all items are mapped here."""
    assert map_in_processes(partial(ended, os.getpid()), range(20), nothing, nothing) == list(range(20))


def test_an_error():
    """It is raised here."""
    with pytest.raises(ValueError, match="0"):
        map_in_processes(raised, range(20), nothing, nothing)


def test_nothing_is_forked_beside_threads(monkeypatch):
    """Their locks would stay locked in the child."""
    monkeypatch.setattr(subprocesses.threading, "active_count", lambda: 2)
    assert {process for _, process in map_in_processes(doubled, range(50), nothing, nothing)} == {os.getpid()}


BESIDE = """
import os, sys
from airnub_cli.subprocesses import beside

def forked(said):
    return said, os.getpid()

with beside(lambda: forked("done")) as result:
    said, process = result()
assert said == "done" and process != os.getpid()

with beside(lambda: "x" * 10_000_000) as result:
    assert len(result()) == 10_000_000  # more than a pipe holds

def of_its_own():
    with beside(os.getpid) as result:
        return os.getpid(), result()

with beside(of_its_own) as result:
    child, grandchild = result()
assert len({os.getpid(), child, grandchild}) == 3

def ended():
    if os.getpid() != parent:
        os._exit(1)
    return "here"

parent = os.getpid()
with beside(ended) as result:
    assert result() == "here"

try:
    with beside(lambda: sys.stdin.read()) as result:
        raise KeyError
except KeyError:
    pass
try:
    os.waitpid(-1, os.WNOHANG)
    sys.exit("a process is left")
except ChildProcessError:
    pass
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_a_function_beside_a_block():
    """Its result is that of a child; of one that ends, it is made here; none is left after an error in the block."""
    subprocess.run([sys.executable, "-c", BESIDE], check=True, stdin=subprocess.PIPE, timeout=60)


CUT = """
import os, signal, threading, time
from airnub_cli.subprocesses import beside

parent = os.getpid()

def cut():
    if os.getpid() != parent:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return "x" * 10_000_000

with beside(cut) as result:
    time.sleep(1)
    assert len(result()) == 10_000_000
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_a_child_that_is_killed_while_it_sends():
    """The function runs here, as after any other failure of the child."""
    subprocess.run([sys.executable, "-c", CUT], check=True, timeout=60)


LEFT = """
import os, time
from airnub_cli.subprocesses import beside

def large():
    print(os.getpid(), flush=True)
    return "x" * 10_000_000

with beside(large):
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_a_child_does_not_outlive_a_killed_parent():
    """It cannot send its result, and ends: stdout, which both have, ends, too."""
    with subprocess.Popen([sys.executable, "-c", LEFT], stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
        try:
            assert parent.communicate(timeout=20) == (b"", None)
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_nothing_is_forked_without_proc(monkeypatch, tmp_path):
    """Threads of libraries are unknown there."""
    monkeypatch.setattr(subprocesses, "_PROC", tmp_path)
    monkeypatch.setattr(subprocesses, "can_fork", lambda: True)
    with beside(os.getpid) as result:
        assert result() == os.getpid()


def test_an_error_beside_a_block():
    """It is raised where the result is wanted."""
    with beside(partial(raised, 7)) as result, pytest.raises(ValueError, match="7"):
        result()


def test_nothing_is_forked_beside_threads_of_a_library():
    """They do not exist in the child, which would wait for them for ever; `threading` does not know them."""
    code = (
        "import _thread, os, threading, time\n"
        "from airnub_cli.subprocesses import beside\n"
        "_thread.start_new_thread(time.sleep, (9,))\n"
        "assert threading.active_count() == 1\n"
        "with beside(os.getpid) as result:\n"
        "    assert result() == os.getpid()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_output(tmp_path):
    """With its input, in its folder."""
    code = "import os, sys; print(os.getcwd(), sys.stdin.read())"
    assert output([sys.executable, "-c", code], tmp_path, text="given").split() == [str(tmp_path), "given"]


def test_without_input(tmp_path):
    """Its stdin is empty."""
    assert output([sys.executable, "-c", "import sys; print(len(sys.stdin.read()))"], tmp_path).strip() == "0"


def test_a_program_that_fails(tmp_path):
    """The error has the command, shortened, the exit status and the last lines."""
    code = "import sys; sys.exit('first\\n' + '\\n'.join(map(str, range(5))))"
    with pytest.raises(ProgramError) as failure:
        output([sys.executable, "-c", code, *map(str, range(20))], tmp_path)
    assert str(failure.value).endswith(" 8 …` to succeed, found exit status 1: 0 / 1 / 2 / 3 / 4")


def test_a_program_that_prints_its_error_on_stdout(tmp_path):
    """That is used as the message."""
    with pytest.raises(ProgramError, match=r"found exit status 3: no such service$"):
        output(["sh", "-c", "echo no such service; exit 3"], tmp_path)


def test_a_program_without_output():
    """The error says so; success is no error."""
    require_success(["true"], 0, "a warning")
    with pytest.raises(ProgramError, match="`false` to succeed, found exit status 1: no message"):
        require_success(["false"], 1, "\n")


def test_a_program_that_is_not_installed(tmp_path, monkeypatch):
    """The error says how to install it, if that is known."""
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


# A child in a session of its own, as a worker starts its runs; it prints its id, and stays.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}], start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


def started(child):
    """A process with a ready child; and the child's id."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(child=child)], stdout=subprocess.PIPE, text=True)
    return parent, int(parent.stdout.readline())


def test_descendants_are_found_in_other_sessions():
    """By their parents, while these exist."""
    parent, child = started("import time; print(flush=True); time.sleep(60)")
    with parent:
        assert process_tree(parent.pid) == {parent.pid, child}
        end_processes(process_tree(parent.pid), within=10)
    assert process_tree(parent.pid, child) == set()


def test_a_process_that_ignores_sigterm_is_killed():
    """After its grace period."""
    parent, child = started(STUBBORN)
    with parent:
        began = time.monotonic()
        end_processes(process_tree(parent.pid), within=0.3)
        assert time.monotonic() - began < 10
        parent.wait(10)
    deadline = time.monotonic() + 10
    while process_tree(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process_tree(child) == set()


def test_a_process_that_has_ended_is_no_error():
    """Any process may end between listing and signalling."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    end_processes({ended.pid}, within=1)


def test_an_unregistered_process_is_not_returned():
    """A service that was stopped needs no watchdog."""
    assert still_guarded(io.StringIO("+1\n+2\n-1\n")) == {2}


def test_registered_processes_are_ended():
    """Once stdin ends, however its other side was killed."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as part:
        done = subprocess.run(
            [sys.executable, "-m", "airnub_cli.subprocesses"],
            input=f"+{part.pid}\n",
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0
        assert part.wait(10) < 0
