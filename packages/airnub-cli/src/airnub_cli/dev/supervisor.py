"""The supervisor of `airnub dev`: it starts, deploys to, watches and stops services in order.

The server, the site and the deployer start in parallel, since each imports for seconds; workers start once their pools
exist. A worker that exits is restarted, since it has no state, unless its work pool was removed with its department; if
any other service exits, everything is stopped. The output of all services is merged, each line prefixed with the
service's name.

The files of deployments are polled twice a second. There are some hundred of them, and polling 400 takes 11 ms, so a
library for file system events would gain little.
"""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import click

from airnub_cli.dev.services import RunningService, Service, Services
from airnub_cli.dev.state import LogFile
from airnub_prefect.embedded.server import wait_for_api
from airnub_prefect.exit_codes import COMPLETED, FAILED

EVERY = 0.5
"""Seconds between two polls of the watched files."""

PATTERNS = ("packages/*/src", "departments/*/src", "departments/*/prefect.yaml", "configs", "infra/work-pools", ".env")

Stamp = tuple[int, int, int]
Files = dict[Path, Stamp]


def look(root: Path) -> Files:
    """The watched files of a repository, each with the state that shows whether it changed."""
    found: Files = {}
    for pattern in PATTERNS:
        for path in root.glob(pattern):
            found.update(_below(path) if path.is_dir() else _file(path))
    return found


def different(before: Files, after: Files) -> list[Path]:
    """Added, removed and changed files, sorted."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


async def changes(root: Path, *, every: float = EVERY) -> AsyncIterator[list[Path]]:
    """Yield the changed files once changes have settled: editors and `git` write many files in a row."""
    reported = await asyncio.to_thread(look, root)
    seen = reported
    while True:
        await asyncio.sleep(every)
        now = await asyncio.to_thread(look, root)
        is_calm, seen = now == seen, now
        if is_calm and (paths := different(reported, now)):
            reported = now
            yield paths


def is_code(path: Path) -> bool:
    """Whether a file is part of a package, so that deployments may change without a change of YAML."""
    return "src" in path.parts


def _below(folder: Path) -> Iterator[tuple[Path, Stamp]]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
        for name in names:
            # Temporary files of editors begin with a dot or end with a tilde.
            if not name.startswith(".") and not name.endswith(("~", ".pyc", ".swp", ".tmp")):
                yield from _file(Path(parent, name))


def _file(path: Path) -> Iterator[tuple[Path, Stamp]]:
    try:
        status = path.stat()
    except OSError:
        return  # removed meanwhile, or a broken link
    yield path, (status.st_mtime_ns, status.st_size, status.st_ino)


SELF = "dev"
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")
# Sequences that move the cursor or clear the screen would garble other lines; colours are kept.
_MOVES = re.compile(r"\x1b\[[0-9;?]*[A-LN-Za-ln-z]|\r")


def _echo(text: str) -> None:
    # Click strips colours if stdout is not a terminal.
    click.echo(text)


class Output:
    """Lines with names, aligned; a colour for each name."""

    def __init__(self, echo: Callable[[str], None] = _echo) -> None:
        """Start without names; `echo` is called with each line."""
        self._echo = echo
        self._colours: dict[str, str] = {}
        self._width = 0

    def add(self, name: str) -> None:
        """Register a service before its first line, so that the columns stay aligned."""
        if name not in self._colours:
            # Lines of `airnub dev` itself are white.
            others = len(self._colours) - (SELF in self._colours)
            self._colours[name] = "bright_white" if name == SELF else _COLOURS[others % len(_COLOURS)]
            self._width = max(self._width, len(name))

    def line(self, name: str, text: str) -> None:
        """Print a line of a service."""
        self.add(name)
        front = click.style(f"{name:<{self._width}} │", fg=self._colours[name])
        self._echo(f"{front} {_MOVES.sub('', text)}".rstrip())

    def say(self, text: str) -> None:
        """Print a message of `airnub dev` itself, of one or more lines."""
        for line in text.splitlines():
            self.line(SELF, line)

    def alarm(self, text: str) -> None:
        """Print an error of `airnub dev` itself."""
        for line in text.splitlines():
            self.line(SELF, click.style(line, fg="red"))


READY_WITHIN = 120.0
SHORT_LIFE = 10.0
"""Seconds that a worker must have run to be restarted; one that died sooner would probably die again."""
_SHOWN = 3


class Supervisor:
    """The system while it runs."""

    def __init__(self, plan: Services, view: Output) -> None:
        """Initialise; nothing is started."""
        self._plan = plan
        self._view = view
        self._running: dict[str, RunningService] = {}
        self._logs: dict[str, LogFile] = {}
        self._watching: dict[asyncio.Task[int], RunningService] = {}
        self._stopping, self._again = asyncio.Event(), asyncio.Event()
        self._since = time.monotonic()
        self._is_ready = False

    async def run(self, listening: socket.socket) -> int:
        """Start everything, keep it up to date until SIGINT or SIGTERM, and end everything.

        Args:
            listening: the socket of the server.

        Returns:
            The exit status: 0 after SIGINT or SIGTERM, 1 when a service died.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, lambda: (self._again if self._stopping.is_set() else self._stopping).set())
        plan = self._plan
        guard = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "airnub_cli.subprocesses", stdin=PIPE, start_new_session=True
        )
        assert guard.stdin is not None, "it is a pipe"
        self._guard = guard.stdin
        try:
            with listening:
                if not await self._start_database():
                    return FAILED
                await self._start(plan.server(listening.fileno()), is_guarded=False)
            if plan.site_port is not None:
                await self._start(plan.site())
            await self._start(plan.deployer())
            return await self._until_stopped()
        finally:
            await self._end()
            guard.stdin.close()
            await guard.wait()

    async def _start(self, part: Service, *, is_guarded: bool = True) -> None:
        self._view.add(part.name)
        if part.log is not None:
            self._logs[part.name] = LogFile(part.log)
        log = self._logs.get(part.name)
        running = await RunningService.start(part, self._view.line if log is None else log.line)
        self._running[part.name] = running
        self._watching[asyncio.create_task(running.ended())] = running
        if is_guarded:
            self._guard.write(f"+{running.pid}\n".encode())

    async def _start_database(self) -> bool:
        """Start PostgreSQL, if it is used, and wait until it accepts connections."""
        part, cluster = self._plan.database(), self._plan.cluster
        if part is None or cluster is None:
            return True
        await self._start(part)
        running = self._running[part.name]
        deadline = time.monotonic() + READY_WITHIN
        while not cluster.is_ready(running.pid):
            if died := next((task for task, one in self._watching.items() if one is running and task.done()), None):
                return await self._survives(self._watching.pop(died), died.result())
            if time.monotonic() > deadline:
                self._view.alarm(f"PostgreSQL accepts no connections after {READY_WITHIN:.0f} s; its log: {part.log}")
                return False
            await asyncio.sleep(0.05)
        return True

    async def _until_stopped(self) -> int:
        """Deploy now and after each change of a file, until a signal arrives or a service dies."""
        changed: asyncio.Queue[list[Path]] = asyncio.Queue()
        watch = asyncio.create_task(self._watch(changed))
        stopping = asyncio.create_task(self._stopping.wait())
        deploying: asyncio.Task[None] | None = asyncio.create_task(self._first())
        changing = asyncio.create_task(changed.get())
        try:
            while True:
                waiting = {stopping, watch, *self._watching, deploying or changing}
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if stopping in done:
                    return COMPLETED
                if watch in done:
                    watch.result()
                for ended in self._watching.keys() & done:
                    if not await self._survives(self._watching.pop(ended), ended.result()):
                        return FAILED
                if deploying in done:
                    deploying.result()
                    deploying = None
                if changing in done:
                    deploying = asyncio.create_task(self._deploy(changing.result()))
                    changing = asyncio.create_task(changed.get())
        except TimeoutError as error:
            self._view.alarm(str(error))
            return FAILED
        finally:
            for task in (watch, stopping, changing, deploying):
                if task is not None:
                    task.cancel()

    async def _watch(self, changed: asyncio.Queue[list[Path]]) -> None:
        async for paths in changes(self._plan.root):
            # Changes during a deployment are deployed together after it.
            while not changed.empty():
                paths = sorted({*paths, *changed.get_nowait()})
            changed.put_nowait(paths)

    async def _first(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        try:
            await asyncio.to_thread(wait_for_api, self._plan.api_url, READY_WITHIN)
        except OSError as error:
            waited = READY_WITHIN - (deadline - time.monotonic())
            raise TimeoutError(f"expected the server to answer, found after {waited:.0f} s: {error}") from error
        await self._deploy([])

    async def _deploy(self, paths: Sequence[Path]) -> None:
        if paths:
            names = [str(path.relative_to(self._plan.root)) for path in paths]
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            self._view.say(f"changed: {', '.join(names[:_SHOWN])}{more}")
        began = time.monotonic()
        order = json.dumps({"always": not paths or any(map(is_code, paths))})
        answer = json.loads(await self._running["deploy"].order(order))
        if answer["status"] != 0:
            self._view.alarm("not deployed, and the previous deployments are kept; correct the file and save it")
            return
        for pool in self._plan.pools():
            if pool not in self._running:
                await self._start(self._plan.worker(pool))
        said = f"{answer['deployed']} deployments deployed" if answer["deployed"] else "deployments are unchanged"
        self._view.say(f"{answer['changed']} objects applied, {said}, in {time.monotonic() - began:.1f} s")
        if not self._is_ready:
            self._is_ready = True
            self._view.say(
                f"ready in {time.monotonic() - self._since:.0f} s: {self._plan.url}\n"
                f"for commands in another terminal: export PREFECT_API_URL={self._plan.api_url}\n"
                "Files are watched; Ctrl-C stops everything."
            )

    async def _survives(self, running: RunningService, status: int) -> bool:
        """Restart a service that died, if it may be restarted; otherwise print an error."""
        part = running.part
        self._guard.write(f"-{running.pid}\n".encode())
        lived = time.monotonic() - running.started
        if part.may_return and await asyncio.to_thread(self._is_removed, part.name):
            self._view.say(f"{part.name} has ended, since its work pool was removed")
            await running.stop(self._again)
            del self._running[part.name]
            return True
        if part.may_return and lived >= SHORT_LIFE:
            self._view.alarm(f"{part.name} died with exit status {status} after {lived:.0f} s, and is restarted")
            await running.stop(self._again)
            await self._start(part)
            return True
        self._view.alarm(f"{part.name} died with exit status {status} after {lived:.0f} s; stopping everything")
        if (log := self._logs.get(part.name)) is not None:
            for line in log.last:
                self._view.line(part.name, line)
            self._view.say(f"its log: {log.path}")
        return False

    def _is_removed(self, pool: str) -> bool:
        """Whether the server has no such work pool."""
        try:
            # The URL is that of our own server.
            urlopen(f"{self._plan.api_url}/work_pools/{quote(pool)}", timeout=10).close()  # noqa: S310
        except HTTPError as error:
            return error.code == HTTPStatus.NOT_FOUND
        except OSError:
            return False
        return False

    async def _end(self) -> None:
        """Stop workers first, while the server can still record the outcome of their runs, and the server last."""
        order = list(reversed(self._running.values()))
        if any(running.part.may_return for running in order):
            self._view.say("stopping: workers wait for their runs; Ctrl-C again stops them now")
        workers = [running for running in order if running.part.may_return]
        await asyncio.gather(*(running.stop(self._again) for running in workers))
        for running in order:
            if running not in workers:
                await running.stop(self._again)
        for task in self._watching:
            task.cancel()
        for log in self._logs.values():
            log.close()
        self._view.say("stopped")
