"""A part while it runs: its lines, its answers, its end."""

import asyncio
import os
import sys
import time

from airnub_cli.dev.process import RunningService
from airnub_cli.dev.process_tree import tree
from airnub_cli.dev.services import Service

STAYS = "import time; print('here', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAYS}"


def part(tmp_path, code, **more):
    """A part that is a piece of Python."""
    return Service("part", (sys.executable, "-c", code), dict(os.environ), tmp_path, **more)


class Lines(list):
    """What was said, as it comes."""

    def say(self, name, line):
        self.append((name, line))

    async def wait(self):
        """Until there is one."""
        async with asyncio.timeout(30):
            while not self:  # noqa: ASYNC110  # lines come from a process
                await asyncio.sleep(0.01)


def test_every_line_is_shown_with_its_status(tmp_path):
    """However long it is, from stdout and stderr, and one without an end."""
    code = "import sys; print('x' * 200_000); print('wrong', file=sys.stderr); sys.stdout.write('last'); sys.exit(3)"
    lines = Lines()

    async def run():
        running = await RunningService.start(part(tmp_path, code), lines.say)
        return await running.ended()

    assert asyncio.run(run()) == 3
    assert sorted(line for _, line in lines) == ["last", "wrong", "x" * 200_000]
    assert {name for name, _ in lines} == {"part"}


def test_an_order_has_an_answer(tmp_path):
    """It is on stdout, and not shown."""
    lines = Lines()

    async def run():
        running = await RunningService.start(
            part(tmp_path, "print(input()[::-1], flush=True)", takes_orders=True), lines.say
        )
        answer = await running.order("abc")
        await running.ended()
        return answer

    assert asyncio.run(run()) == "cba"
    assert lines == []


def stopped(tmp_path, code, *, at_once=False, patience=1.0):
    """How long it took to end a part; nothing of it is left."""
    lines = Lines()

    async def run():
        running = await RunningService.start(part(tmp_path, code, patience=patience), lines.say)
        await lines.wait()
        now = asyncio.Event()
        if at_once:
            now.set()
        known = tree(running.pid)
        began = time.monotonic()
        await running.stop(now)
        return time.monotonic() - began, known

    seconds, known = asyncio.run(run())
    deadline = time.monotonic() + 5
    while tree(*known) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert tree(*known) == set()
    return seconds


def test_who_listens_ends_at_once(tmp_path):
    """Without the whole of its patience."""
    assert stopped(tmp_path, STAYS, patience=50) < 20


def test_a_second_key_ends_those_that_take_their_time(tmp_path):
    """They are killed."""
    assert stopped(tmp_path, STUBBORN, at_once=True, patience=50) < 20


def test_runs_of_a_worker_end_with_it(tmp_path):
    """They are in sessions of their own, and nobody's children once it has ended."""
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], " + (
        "start_new_session=True); "
    )
    assert stopped(tmp_path, child + STAYS) < 20
