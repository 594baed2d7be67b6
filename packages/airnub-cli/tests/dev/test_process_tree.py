"""A process with all of its descendants, and the watchdog that stops services after `airnub dev` was killed."""

import io
import subprocess
import sys
import time

from airnub_cli.dev.process_tree import end, guard, tree

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
        assert tree(parent.pid) == {parent.pid, child}
        end(tree(parent.pid), within=10)
    assert tree(parent.pid, child) == set()


def test_a_process_that_ignores_sigterm_is_killed():
    """After its grace period."""
    parent, child = started(STUBBORN)
    with parent:
        began = time.monotonic()
        end(tree(parent.pid), within=0.3)
        assert time.monotonic() - began < 10
        parent.wait(10)
    deadline = time.monotonic() + 10
    while tree(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert tree(child) == set()


def test_a_process_that_has_ended_is_no_error():
    """Any process may end between listing and signalling."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    end({ended.pid}, within=1)


def test_an_unregistered_process_is_not_returned():
    """A service that was stopped needs no watchdog."""
    assert guard(io.StringIO("+1\n+2\n-1\n")) == {2}


def test_registered_processes_are_ended():
    """Once stdin ends, however its other side was killed."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as part:
        done = subprocess.run(
            [sys.executable, "-m", "airnub_cli.dev.process_tree"],
            input=f"+{part.pid}\n",
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0
        assert part.wait(10) < 0
