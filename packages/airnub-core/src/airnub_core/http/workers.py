"""Workers: the members of a worker pool: a downloader in a thread of this process, and downloaders in processes.

A worker process reads requests from its standard input and writes responses to its standard output, both pickled as
plain tuples. Index rows are not sent to it. It exits at the end of its input, hence also when its parent is killed.
"""

import gc
import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from airnub_core.errors import IngestError
from airnub_core.http.client import Client
from airnub_core.http.downloader import Downloader, DownloaderConfig, Result
from airnub_core.http.io_threads import SerialExecutor
from airnub_core.http.request import Request, Response

CLOSE, STOP = "close", "stop"
_LONGEST_END = 5.0
"""Longest time in seconds for a process to exit after it has closed its output."""
_COMMAND = "from airnub_core.http.workers import main; main()"


class Ended(NamedTuple):
    """A worker has ended."""

    status: int | None = None
    """Exit status of a process that ended unexpectedly; `None` for an expected end."""


Packet = list[Result] | str | Ended | BaseException
"""A message of a worker: results, its staging folder once it has started, its end, or the exception that ended it."""


class ThreadWorker(Downloader):
    """A downloader in this process, which runs in the thread of its HTTP client."""

    def __init__(self, config: DownloaderConfig, send: Callable[[Packet], None], client: Client) -> None:
        self.out: dict[int, Request] = {}
        """Requests in flight, by number."""
        self._send = send
        self._is_finished = False
        super().__init__(config, send, client, partial(send, Ended()))

    def add(self, requests: list[Request]) -> None:
        for request in requests:
            self.out[request.number] = request
        super().add(requests)

    def dismiss(self) -> None:
        self.close()

    def join(self) -> None:
        if not self._is_finished:
            self._is_finished = True
            try:
                self.finish()
            except BaseException as error:  # noqa: BLE001  # `WorkerPool.results` raises it
                self._send(error)


class ProcessWorker:
    """A downloader in a separate process."""

    def __init__(self, config: DownloaderConfig, send: Callable[[Packet], None]) -> None:
        self.out: dict[int, Request] = {}
        """Requests in flight, by number."""
        self._send = send
        # A session of its own, so that only this process receives Ctrl-C; it then stops the worker processes.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._dismissed = False
        # Requests are written in a thread, since the pipe is full long before the process has started.
        self._writing = SerialExecutor("airnub-jobs")
        self._post(config)
        self._thread = threading.Thread(target=self._read, name="airnub-results", daemon=True)
        self._thread.start()

    def add(self, requests: list[Request]) -> None:
        for request in requests:
            self.out[request.number] = request
        self._post([request[:-1] for request in requests])

    def close(self) -> None:
        self._post(CLOSE)

    def stop(self) -> None:
        self._post(STOP)

    def dismiss(self) -> None:
        self._dismissed = True
        self._process.kill()

    def join(self) -> None:
        self._thread.join()
        self._process.wait()
        self._writing.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # the process ended without reading all its input
                    pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None, "it is a pipe"
        try:
            while (packet := pickle.load(self._process.stdout)) is not None:  # noqa: S301  # our own process
                self._send(packet if isinstance(packet, str) else [self._result(one) for one in packet])
        except Exception as error:  # noqa: BLE001  # unpickling may raise anything; the exit status has the cause
            if not isinstance(error, EOFError | pickle.UnpicklingError):
                traceback.print_exc()
            status = self._status()
            self._send(Ended(None if self._dismissed else status))
        else:
            self._send(Ended())

    def _result(self, sent: tuple[Any, ...] | IngestError) -> Result:
        return Response(self.out[sent[0]], *sent[1:]) if isinstance(sent, tuple) else sent

    def _status(self) -> int:
        """Exit status of a process whose output has ended or is invalid; kills it after `_LONGEST_END`."""
        try:
            return self._process.wait(_LONGEST_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _post(self, message: list[tuple[Any, ...]] | DownloaderConfig | str) -> None:
        self._writing.put(self._write, message)

    def _write(self, message: list[tuple[Any, ...]] | DownloaderConfig | str) -> None:
        assert self._process.stdin is not None, "it is a pipe"
        try:
            pickle.dump(message, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # the process has ended; the thread that reads its results reports it


def main() -> None:
    """Run a worker process; the first message on standard input is its `DownloaderConfig`."""
    gc.freeze()  # imported modules are never collected
    source, sink = sys.stdin.buffer, sys.stdout.buffer

    def send(packet: list[Any] | str | None) -> None:
        try:
            pickle.dump(packet, sink, protocol=pickle.HIGHEST_PROTOCOL)
            sink.flush()
        except BrokenPipeError:
            os._exit(1)

    def send_results(results: list[Result]) -> None:
        send([(one.request.number, *one[1:]) if isinstance(one, Response) else one for one in results])

    config: DownloaderConfig = pickle.load(source)  # noqa: S301  # from the process that started this one
    downloader = Downloader(config, send_results)
    send(downloader.folder)

    def listen() -> None:
        while True:
            try:
                message = pickle.load(source)  # noqa: S301
            except (EOFError, pickle.UnpicklingError):
                # The parent process is dead. The next run recovers the staged bodies, which are complete or missing.
                os._exit(1)
            if message == CLOSE:
                downloader.close()
            elif message == STOP:
                downloader.stop()
            else:
                downloader.add([Request(*values) for values in message])

    threading.Thread(target=listen, name="airnub-requests", daemon=True).start()
    # `os._exit`, since the listening thread may block in a read at exit.
    try:
        downloader.finish()
        send(None)
    except BaseException:  # noqa: BLE001  # printed; the parent process sees the exit status
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
