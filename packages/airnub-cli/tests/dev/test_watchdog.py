"""The guard: parts that are left when `airnub dev` was killed."""

import io
import subprocess
import sys

from airnub_cli.dev.watchdog import guard


def test_who_was_told_gone_is_not_left():
    """What ended in order needs no guard."""
    assert guard(io.StringIO("+1\n+2\n-1\n")) == {2}


def test_who_is_left_is_ended():
    """When stdin ends, which it does however its other side was killed."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as part:
        done = subprocess.run(
            [sys.executable, "-m", "airnub_cli.dev.watchdog"],
            input=f"+{part.pid}\n",
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0
        assert part.wait(10) < 0
