"""Ending: a process, and all that it started, wherever that went.
The guard: parts that are left when `airnub dev` was killed.
"""

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
    """A process with a child that is ready; and the child's id."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(child=child)], stdout=subprocess.PIPE, text=True)
    return parent, int(parent.stdout.readline())


def test_descendants_are_found_in_other_sessions():
    """By who their parents are, and no longer when these have ended."""
    parent, child = started("import time; print(flush=True); time.sleep(60)")
    with parent:
        assert tree(parent.pid) == {parent.pid, child}
        end(tree(parent.pid), within=10)
    assert tree(parent.pid, child) == set()


def test_who_does_not_listen_is_killed():
    """After the time that it had."""
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


def test_who_is_gone_is_no_mistake():
    """Between a look and a signal anything may end."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    end({ended.pid}, within=1)


def test_who_was_told_gone_is_not_left():
    """What ended in order needs no guard."""
    assert guard(io.StringIO("+1\n+2\n-1\n")) == {2}


def test_who_is_left_is_ended():
    """When stdin ends, which it does however its other side was killed."""
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
