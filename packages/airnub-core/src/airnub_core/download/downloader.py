"""The downloader: libcurl's multi interface, driven by one loop. Jobs go in, results come out, in the order they end.

The loop does nothing that takes long: bodies are hashed and written in the lanes of the landing.
"""

import os
import resource
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import pycurl

from airnub_core.download.answer import UnfitPartError
from airnub_core.download.buffers import Buffers
from airnub_core.download.errand import Errand
from airnub_core.download.exchange import Exchange
from airnub_core.download.job import Failed, Job, NotModified, Result, StoreFailure
from airnub_core.download.landing import Arrived, Body, Landing
from airnub_core.download.multi import Multi
from airnub_core.download.poller import READ, new_poller
from airnub_core.download.schedule import Schedule
from airnub_core.errors import (
    IngestError,
    ItemError,
    StoreError,
    TooManyRedirectsError,
    TransferTimeoutError,
    is_retryable,
)
from airnub_core.network.backoff import wait_after
from airnub_core.network.limits import MAX_REDIRECTS
from airnub_core.network.ssrf import Allowed
from airnub_core.network.targets import Target
from airnub_core.store.clock import elapsed, timestamp
from airnub_core.store.partials import Partials, key_of

PACKET = 100
"""Results that are handed over together while there are more."""
_LONGEST_SLEEP = 1.0
_PACKET_EVERY = 0.05
_SHORT = 0.001
_FILES_LEFT = 32
"""Open files that others in this process may need."""
_MULTIS = 4
"""Pools of connections that are kept, one for each value of `allow_private_hosts`."""


class Downloader:
    """Runs in a thread or in a process of its own; `add`, `close` and `stop` may be called from any thread."""

    def __init__(
        self,
        *,
        staging: Path,
        prefix: str,
        hidden: Path,
        connections: int,
        memory: int,
        user_agent: str,
        is_logged: bool = False,
        on_results: Callable[[list[Result]], None],
    ) -> None:
        """Prepare.

        Args:
            staging: where bodies are staged, an absolute folder.
            prefix: the name of the folder that is made in it, and of nobody else's who is at work there.
            hidden: the store's hidden folder; partial files wait in it.
            connections: in all.
            memory: bytes for the buffers of large files.
            user_agent: who asks.
            is_logged: whether small bodies are written into a write-ahead log too.
            on_results: told results, from the loop's thread.
        """
        connections = min(connections, _connections_for_open_files())
        partials = Partials(hidden)
        self._results: deque[Result] = deque()
        buffers = Buffers(connections, memory)
        self._landing = Landing(staging, prefix, partials, buffers, self._results.append, is_logged=is_logged)
        self._on_results = on_results
        self._user_agent = user_agent
        self._schedule: Schedule[Errand] = Schedule(connections)
        self._multis: dict[Allowed, Multi] = {}
        self._multi_of: dict[int, Multi] = {}
        """Whose each socket is."""
        self._connections = connections
        self._active: set[Exchange] = set()
        self._poller = new_poller()
        self._partial_keys = partials.keys()
        self._incoming: deque[list[Job]] = deque()
        self._prepared: deque[tuple[Errand, Body | None]] = deque()
        self._preparing = 0
        self._closed = False
        self._stopping = threading.Event()
        self._next_look = 0.0
        self._last_packet = 0.0
        self._awake, self._waker = socket.socketpair()
        for end in (self._awake, self._waker):
            end.setblocking(False)
        self._poller.watch(self._awake.fileno(), READ)

    @property
    def folder(self) -> str:
        """Where it stages, absolute."""
        return self._landing.folder

    def add(self, jobs: list[Job]) -> None:
        """More to do."""
        self._incoming.append(jobs)
        self._wake()

    def close(self) -> None:
        """There are no more jobs: `run` returns when all have ended."""
        self._closed = True
        self._wake()

    def stop(self) -> None:
        """Give up on what has not ended; `run` returns soon. What is worth resuming is parked."""
        self._stopping.set()
        self._wake()

    def run(self) -> None:
        """Work until all that was added has ended, and no more is to come."""
        try:
            while not self._stopping.is_set():
                self._take_in()
                self._start()
                self._hand_over()
                if self._closed and not (self._incoming or self._preparing or self._active or len(self._schedule)):
                    break
                self._turn()
        finally:
            self._end()

    # --- the loop's steps ---------------------------------------------------------------------------------------------

    def _take_in(self) -> None:
        while self._incoming:
            for job in self._incoming.popleft():
                try:
                    errand = Errand(job)
                except ItemError as error:
                    self._results.append(Failed(job.number, error))
                    continue
                if self._partial_keys and key_of(job.asked.source, job.asked.url_digest) in self._partial_keys:
                    self._prepare(errand)
                else:
                    self._schedule.add(errand)
        self._take_prepared()

    def _take_prepared(self) -> None:
        while self._prepared:
            errand, body = self._prepared.popleft()
            errand.body = body
            self._preparing -= 1
            self._schedule.add(errand)

    def _prepare(self, errand: Errand) -> None:
        def ready(body: Body | None) -> None:
            self._prepared.append((errand, body))
            self._wake()

        self._preparing += 1
        self._landing.resume(errand.job.asked, ready)

    def _start(self) -> None:
        now = monotonic()
        while (errand := self._schedule.next(now)) is not None:
            if not errand.redirects:
                errand.attempts += 1
                errand.started = now
            multi = self._multi(errand)
            exchange = multi.idle.pop() if multi.idle else multi.new_exchange(self._landing, self._user_agent)
            self._ask(multi, exchange, errand)

    def _ask(self, multi: Multi, exchange: Exchange, errand: Errand) -> None:
        errand.sent = elapsed()
        try:
            exchange.start(errand)
        except ItemError as error:
            self._over(multi, exchange, errand)
            self._fail(errand, error)
            return
        exchange.last_seen = monotonic()
        exchange.last_progress = 0
        self._active.add(exchange)
        multi.curl.add_handle(exchange.curl)

    def _turn(self) -> None:
        """Wait for something to happen, and let libcurl do what it can."""
        now = monotonic()
        due = [self._schedule.wait(now), *(multi.wait(now) for multi in self._multis.values())]
        waits = [_LONGEST_SLEEP, *(seconds for seconds in due if seconds is not None)]
        if self._results or self._landing.busy:
            waits.append(_PACKET_EVERY if self._active else _SHORT)
        for descriptor, events in self._poller.wait(max(0.0, min(waits))):
            if descriptor == self._awake.fileno():
                with suppress(BlockingIOError):
                    self._awake.recv(4096)
            else:
                self._multi_of[descriptor].act(descriptor, events)
        now = monotonic()
        for multi in self._multis.values():
            multi.act_on_time(now)
            for curl, code, message in multi.ended():
                self._ended(multi, multi.exchange_of(curl), code, message)
        if now >= self._next_look:
            self._look_for_stalled(now)

    def _ended(self, multi: Multi, exchange: Exchange, code: int, message: str) -> None:
        """An exchange is over: on to where it sends us, to its result, or to another attempt."""
        errand = exchange.errand
        multi.curl.remove_handle(exchange.curl)
        self._active.discard(exchange)
        job = errand.job
        try:
            target = exchange.end(code, message)
            if target is not None:
                if errand.redirects == MAX_REDIRECTS:
                    raise TooManyRedirectsError(job.asked.url, MAX_REDIRECTS)
                self._send_on(multi, exchange, errand, target)
        except UnfitPartError as error:
            self._afresh(multi, exchange, errand, error)
        except ItemError as error:
            self._over(multi, exchange, errand)
            self._fail(errand, error)
        except IngestError as error:
            self._over(multi, exchange, errand)
            self._results.append(StoreFailure(error))
        else:
            if target is None:
                self._land(errand, exchange)
                self._over(multi, exchange, errand)

    def _land(self, errand: Errand, exchange: Exchange) -> None:
        answer = exchange.answer
        assert answer is not None, "an exchange that was started"
        job, headers, body = errand.job, answer.headers, answer.body
        sent_at = timestamp(job.clock + errand.sent + exchange.before_request)
        if body is not None:
            url = errand.target.url
            self._landing.land(Arrived(job.number, errand.attempts, job.asked, body, url, headers, sent_at))
            return
        self._drop_body(errand)
        etag, modified = headers.get("etag", job.etag), headers.get("last-modified", job.last_modified)
        self._results.append(NotModified(job.number, errand.attempts, etag, modified, sent_at))

    def _send_on(self, multi: Multi, exchange: Exchange, errand: Errand, target: Target) -> None:
        """A redirect: at once where it stays with its host, else as one more of those that wait for the other host."""
        if (target.host, target.port) == (errand.target.host, errand.target.port):
            errand.send_on(target)
            self._ask(multi, exchange, errand)
        else:
            self._over(multi, exchange, errand)
            errand.send_on(target)
            self._schedule.add(errand)

    def _afresh(self, multi: Multi, exchange: Exchange, errand: Errand, error: ItemError) -> None:
        if errand.body is None:
            self._over(multi, exchange, errand)
            self._fail(errand, error)
            return
        self._drop_body(errand)
        self._ask(multi, exchange, errand)

    def _over(self, multi: Multi, exchange: Exchange, errand: Errand) -> None:
        exchange.release()
        multi.idle.append(exchange)
        self._schedule.ended(errand)

    def _fail(self, errand: Errand, error: ItemError) -> None:
        error.attempts = errand.attempts
        if is_retryable(error) and errand.attempts < errand.job.limits.attempts:
            errand.back_to_start()
            self._schedule.add_later(errand, monotonic() + wait_after(error, errand.attempts))
            return
        if errand.body is not None and is_retryable(error):
            error.kept = errand.body.size
            self._landing.park(errand.body)
        else:
            self._drop_body(errand)
        self._results.append(Failed(errand.job.number, error))

    def _drop_body(self, errand: Errand) -> None:
        if errand.body is not None:
            self._landing.discard(errand.body)
            errand.body = None

    def _look_for_stalled(self, now: float) -> None:
        """Libcurl's own limit counts whole seconds and bytes a second; ours is the longest time without a byte."""
        shortest = _LONGEST_SLEEP
        for exchange in list(self._active):
            errand, progress = exchange.errand, exchange.progress
            limit = errand.job.limits.stall_timeout
            shortest = min(shortest, limit / 4)
            if progress != exchange.last_progress or not exchange.connected:
                exchange.last_progress, exchange.last_seen = progress, now
            elif now - exchange.last_seen >= limit:
                exchange.stop(TransferTimeoutError(errand.job.asked.url, "stall_timeout", limit))
                self._ended(self._multi(errand), exchange, pycurl.E_OPERATION_TIMEDOUT, "")
        self._next_look = now + shortest

    def _hand_over(self) -> None:
        waiting = len(self._results)
        if not waiting:
            return
        now = monotonic()
        if waiting >= PACKET or now - self._last_packet >= _PACKET_EVERY or not self._active:
            self._last_packet = now
            self._tell([self._results.popleft() for _ in range(waiting)])

    def _tell(self, results: list[Result]) -> None:
        try:
            self._landing.flush()
        except StoreError as error:
            results = [StoreFailure(error)]
        self._on_results(results)

    def _end(self) -> None:
        while self._preparing:  # what an earlier run left is in our hands, and is parked again
            self._take_prepared()
            sleep(_SHORT)
        for errand in self._schedule.drop():
            self._park(errand)
        for exchange in self._active:
            asked = exchange.errand
            self._multi(asked).curl.remove_handle(exchange.curl)
            if exchange.answer is not None:
                exchange.answer.give_up(for_good=False)
            self._park(asked)
        self._landing.wait()
        if self._results:
            self._tell(list(self._results))
        self._landing.close()
        for multi in self._multis.values():
            multi.close()
        self._poller.close()
        self._awake.close()
        self._waker.close()

    def _park(self, errand: Errand) -> None:
        if errand.body is not None:
            self._landing.park(errand.body)
            errand.body = None

    def _multi(self, errand: Errand) -> Multi:
        # A connection to a private host, opened for a source that may, must not serve one that may not.
        allowed = errand.job.limits.allow_private_hosts
        if allowed not in self._multis:
            self._close_idle_multi()
            self._multis[allowed] = Multi(self._poller, self._multi_of, self._connections)
        return self._multis[allowed]

    def _close_idle_multi(self) -> None:
        """Each keeps connections open: where sources have many different lists of hosts, those would be too many."""
        if len(self._multis) >= _MULTIS:
            idle = next((allowed for allowed, multi in self._multis.items() if multi.is_idle), None)
            if idle is not None:
                self._multis.pop(idle).close()

    def _wake(self) -> None:
        with suppress(BlockingIOError, OSError):  # a byte is there already, or the loop has ended
            self._waker.send(b"\0")


def _connections_for_open_files() -> int:
    """As many as the limit of open files allows: each has a socket, and a file where its body is large."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1024
    try:
        used = len(os.listdir("/dev/fd"))  # noqa: PTH208  # iterdir would make a Path of each
    except OSError:
        used = 0
    return max(1, (soft - used - _FILES_LEFT) // 2)
