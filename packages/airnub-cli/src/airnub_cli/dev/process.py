"""A part while it runs: a process in a session of its own, so that Ctrl-C is for `airnub dev`, which ends it."""

import asyncio
import subprocess
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from signal import SIGTERM

from airnub_cli.dev.process_tree import end, tree
from airnub_cli.dev.services import Service

_CHUNK = 65_536
_LOOK_EVERY = 0.2
_LAST_PATIENCE = 5.0
"""Seconds for what a part left behind, after its own end."""


class RunningService:
    """A part that was started."""

    def __init__(self, part: Service, process: Process, say: Callable[[str, str], None]) -> None:
        """Take over what was started; `say` is given the name of the part and each of its lines."""
        self.part = part
        self.started = time.monotonic()
        self._process = process
        self._say = say
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self._readers = [asyncio.create_task(self._read(process.stderr, self._line))]
        self._readers.append(asyncio.create_task(self._read(process.stdout, self._out)))

    @classmethod
    async def start(cls, part: Service, say: Callable[[str, str], None]) -> "RunningService":
        """Start a part."""
        process = await asyncio.create_subprocess_exec(
            *part.command, env=part.environment, cwd=part.folder,
            stdin=PIPE if part.takes_orders else subprocess.DEVNULL, stdout=PIPE, stderr=PIPE,
            start_new_session=True, pass_fds=part.inherits,
        )  # fmt: skip
        return cls(part, process, say)

    @property
    def pid(self) -> int:
        """Of its first process."""
        return self._process.pid

    async def ended(self) -> int:
        """Its exit status, when it has ended and its last line was shown."""
        status = await self._process.wait()
        # Children of it may hold its pipes open for longer.
        await asyncio.wait(self._readers, timeout=1)
        return status

    async def order(self, line: str) -> str:
        """Give it an order; return its answer."""
        assert self._process.stdin is not None, "the part takes orders"
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()
        return await self._answers.get()

    def _is_over(self) -> bool:
        return self._process.returncode is not None

    async def stop(self, now: asyncio.Event) -> None:
        """End it: ask, wait as long as the part may take, or until `now`, and let nothing of it be left."""
        known = tree(self.pid)
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(SIGTERM)
            deadline = time.monotonic() + self.part.patience
            while not self._is_over() and time.monotonic() < deadline and not now.is_set():
                # What it started may be nobody's child after its end: it has to be known before.
                known |= await asyncio.to_thread(tree, self.pid)
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(self._process.wait()), _LOOK_EVERY)
        left = await asyncio.to_thread(tree, *known)
        await asyncio.to_thread(end, left, within=0.5 if now.is_set() else _LAST_PATIENCE)
        await self._process.wait()
        await asyncio.wait(self._readers, timeout=1)
        for reader in self._readers:
            reader.cancel()

    def _line(self, line: str) -> None:
        self._say(self.part.name, line)

    def _out(self, line: str) -> None:
        if self.part.takes_orders:
            self._answers.put_nowait(line)
        else:
            self._line(line)

    async def _read(self, stream: asyncio.StreamReader | None, take: Callable[[str], None]) -> None:
        # By chunks: `readline` gives up at a line that is longer than its buffer.
        assert stream is not None, "both are pipes"
        rest = b""
        while chunk := await stream.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                take(line.decode(errors="replace"))
        if rest:
            take(rest.decode(errors="replace"))
