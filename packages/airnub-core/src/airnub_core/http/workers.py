"""The members of a worker pool: a downloader in a thread of this process, and downloaders in processes beside it."""

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from airnub_core.http.client import Client
from airnub_core.http.downloader import Downloader
from airnub_core.http.io_threads import SerialExecutor
from airnub_core.http.request import Request, Result, Started
from airnub_core.http.worker import CLOSE, STOP

_LONGEST_END = 5.0
"""Seconds that a process may take to end when it has closed its output."""
_COMMAND = "from airnub_core.http.worker import main; main()"


class Ended(NamedTuple):
    """A member has ended, as it should (`None`), or by itself, with an exit status."""

    status: int | None = None


Packet = list[Result] | Started | Ended | BaseException


class ThreadWorker:
    """A downloader in a thread of this process."""

    def __init__(self, settings: dict[str, Any], send: Callable[[Packet], None], client: Client | None) -> None:
        self._downloader = Downloader(**settings, on_results=send, client=client)
        self._send = send
        self._thread = threading.Thread(target=self._run, name="airnub-download", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._downloader.run()
        except BaseException as error:  # noqa: BLE001  # it is raised where the results are read
            self._send(error)
        else:
            self._send(Ended())

    def tell(self, message: list[Request] | str) -> None:
        if message == CLOSE:
            self._downloader.close()
        elif message == STOP:
            self._downloader.stop()
        elif isinstance(message, list):
            self._downloader.add(message)

    def dismiss(self) -> None:
        self.tell(CLOSE)

    def join(self) -> None:
        self._thread.join()


class ProcessWorker:
    """A downloader in a process beside this one."""

    def __init__(self, settings: dict[str, Any], send: Callable[[Packet], None]) -> None:
        self._send = send
        # A session of its own: Ctrl-C is for this process, which then tells the others to stop.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._dismissed = False
        # Jobs are written beside: the pipe is full long before the process has started.
        self._writing = SerialExecutor("airnub-jobs")
        self.tell(settings)
        self._thread = threading.Thread(target=self._read, name="airnub-results", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None, "it is a pipe"
        try:
            while (packet := pickle.load(self._process.stdout)) is not None:  # noqa: S301  # our own process
                self._send(packet)
        except (EOFError, pickle.UnpicklingError):
            status = self._status()
            self._send(Ended(None if self._dismissed else status))
        else:
            self._send(Ended())

    def _status(self) -> int:
        """The exit status of a process that sends nothing more, or nothing that can be read."""
        try:
            return self._process.wait(_LONGEST_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def tell(self, message: list[Request] | dict[str, Any] | str) -> None:
        self._writing.put(self._write, message)

    def _write(self, message: list[Request] | dict[str, Any] | str) -> None:
        assert self._process.stdin is not None, "it is a pipe"
        try:
            pickle.dump(message, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # it has ended, or is closed; and the thread that reads its results says how

    def dismiss(self) -> None:
        self._dismissed = True
        self._process.kill()

    def join(self) -> None:
        self._thread.join()
        self._process.wait()
        self._writing.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # it has ended without reading all it was sent
                    pipe.close()
