"""Engine: fetch items into a store and return one outcome per item; an item is reported as stored only once durable.

The path of one file:

    Item → index.lookup → Request → download (retried) → Response with Staged
         → [batch] store.publish → index.record → Outcome

Pages and API responses, which later requests depend on, are fetched one at a time with the same client and committed
in the same way.
"""

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airnub_common import redact_url
from airnub_core.commit import commit_batch, commit_unavailable
from airnub_core.concurrency import in_thread
from airnub_core.downloads import Downloads
from airnub_core.errors import ConnectionFailedError, DamagedObjectError, ItemError, StoreError
from airnub_core.http.downloader import DownloaderConfig
from airnub_core.http.limits import Limits
from airnub_core.http.request import Request, Response
from airnub_core.http.settings import NetworkSettings
from airnub_core.items import Item, request_for
from airnub_core.outcome import Outcome, Status
from airnub_core.store.base import Store
from airnub_core.store.clock import time_of
from airnub_core.store.factory import OpenStore, open_for_writing
from airnub_core.store.index import Index, Run, Scope
from airnub_core.store.layout import derived_url
from airnub_core.store.location import StoreLocation
from airnub_core.store.manifest import url_digest

if TYPE_CHECKING:
    from airnub_core.http.client import Client
    from airnub_core.http.fetcher import Fetcher
    from airnub_core.http.transport import AsyncClient, ClientSource, Transport


class Engine:
    """Fetches items into one store. Create it with `open_engine`, and use it in one event loop only."""

    def __init__(
        self,
        opened: OpenStore,
        network: NetworkSettings,
        *,
        user_agent: str,
        force: bool,
        processes: int | None,
        run: str | None,
        on_expected: Callable[[int], None],
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        self.store: Store = opened.store
        self.index: Index = opened.index
        self.network = network
        self.run = run or uuid4().hex
        """The name of the run, the same for all its attempts."""
        self._run = Run(self.run, time_of(opened.index))
        self._config = DownloaderConfig(
            opened.staging.folder, opened.partials, network.connections, user_agent, opened.store.takes_logs
        )
        self._http_client: Client | None = None
        self._fetcher: Fetcher | None = None
        self._transports: list[Transport] = []
        self._limits: dict[int, tuple[NetworkSettings, Limits]] = {}
        self._numbers = count()
        self._force = force
        self._processes = processes
        self._on_expected = on_expected
        self._on_outcome = on_outcome
        self._only: dict[str, frozenset[str | None]] = {}
        """For each source limited by `retry_failed`: the only URLs, redacted, that are requested."""
        # Two concurrent calls would each respect the limits and exceed them together.
        self._downloading = asyncio.Lock()

    def retry_failed(self, sources: Iterable[str]) -> list[str]:
        """Limit each source to the items that failed in its last run, and return the sources that have any.

        If the last run of a source did not end, or too many of its items failed to list them, all its items are
        requested. A source whose last run was complete, or that never ran, is not returned.

        Raises:
            StoreError: the index cannot be read.
        """
        last = self.index.last_runs(Scope.SOURCE)
        left = [name for name in sources if name in last and not last[name].is_complete]
        self._only = {
            name: frozenset(one.url for one in last[name].failures)
            for name in left
            if last[name].ended_at is not None and last[name].failures
        }
        return left

    def wants(self, source: str, url: str) -> bool:
        """Whether a URL is to be requested; after `retry_failed` this is only a part of a source's URLs."""
        return source not in self._only or redact_url(url) in self._only[source]

    async def ingest(self, items: Iterable[Item]) -> list[Outcome]:
        """Fetch many items concurrently and return their outcomes, in the order of the items.

        Raises:
            StoreError: the store cannot be written; responses that arrived before are committed.
            Exception: raised by `on_outcome`; no further request is started, and completed responses are committed.
        """
        wanted = list(items)
        self.expect(len(wanted))
        loop = asyncio.get_running_loop()
        raised: list[Exception] = []

        def report(outcomes: list[Outcome]) -> None:
            try:
                for outcome in outcomes:
                    self._on_outcome(outcome)
            except Exception as error:  # noqa: BLE001  # the loop would only log it; it is raised below
                raised.append(error)
                downloads.stop()

        downloads = Downloads(
            store=self.store,
            index=self.index,
            config=self._config,
            network=self.network,
            force=self._force,
            processes=self._processes,
            run_of=self._run,
            on_outcomes=lambda outcomes: loop.call_soon_threadsafe(report, outcomes),
            client=self._http(),
        )
        async with self._downloading:
            # When stopped, it commits the completed responses, so that they are not fetched again.
            outcomes = await in_thread(lambda: downloads.run(wanted), downloads.stop, is_long=True)
        if raised:
            raise raised[0]
        ended = [outcome for outcome in outcomes if outcome is not None]
        assert len(ended) == len(wanted), "one item, one outcome"
        return ended

    async def get(self, item: Item) -> Response:
        """Fetch one item whose bytes the caller needs, such as a page of records; the caller commits the response.

        Raises:
            ItemError: the request failed; `error.attempts` is the number of attempts.
            StoreError: the store cannot be written.
        """
        return await self._single().fetch(self._request(item, force=self._force))

    async def read(self, response: Response) -> tuple[Response, bytes]:
        """The response to commit and its bytes, for a response returned by `get`.

        If the status is 304 and the stored object is damaged, the item is fetched again, and the new response
        is returned.

        Raises:
            ItemError: fetching it again failed.
            StoreError: the store cannot be read or written.
        """
        if response.staged is None:
            known = response.request.known
            assert known is not None, "only requests for known URLs have validators"
            try:
                return response, self.store.read(known.path, known.digest)
            except DamagedObjectError:
                again = response.request._replace(etag=None, last_modified=None)
                response = await self._single().fetch(again)
        assert response.staged is not None, "without validators the bytes come"
        path = Path(response.staged.folder, response.staged.file_name)
        try:
            return response, path.read_bytes()  # noqa: ASYNC240  # just written, so it is in the page cache
        except OSError as error:
            raise StoreError.of(error, path) from error

    async def peek(self, item: Item, max_bytes: int, *, cuts: bool = False) -> Response:
        """Fetch a URL into memory without storing it, such as a page, a sitemap or a robots.txt; see `content`.

        Args:
            item: the item to request.
            max_bytes: the limit of the body; that of the item's network settings applies too where it is smaller.
            cuts: whether a larger body is truncated to `max_bytes` instead; the network settings' limit is ignored.

        Raises:
            ItemError: the request failed.
        """
        limits = self._limits_of(item.network)
        limits = limits._replace(max_bytes=max_bytes if cuts else min(max_bytes, limits.max_bytes))
        request = Request(next(self._numbers), item.source, item.url, "", limits, item.headers)
        return await self._single().peek(request, cuts=cuts)

    def begin(self, item: Item, file_name: str) -> Response:
        """Begin an object derived from several responses, before the first of them is requested; see `keep`.

        The object is recorded under the URL of the item. The returned response has no body.

        Raises:
            StoreError: the index cannot be read.
        """
        request = self._request(replace(item, url=derived_url(item.url, file_name)))
        return Response(request, 1, final_url=item.url, sent_at=time_of(self.index))

    def keep(self, begun: Response, content: bytes, content_type: str, parts: Sequence[Response]) -> Response:
        """Write an object derived from `parts`, with the time of the latest one; the caller commits the response.

        Raises:
            StoreError: the store cannot be written.
        """
        attempts = max((part.attempts for part in parts), default=1)
        sent_at = max((part.sent_at for part in parts), default=begun.sent_at)
        made = begun._replace(attempts=attempts, sent_at=sent_at, headers={"content-type": content_type})
        name = made.request.url.removeprefix(derived_url(made.final_url, ""))
        digests = tuple(dict.fromkeys(part.digest for part in parts))
        try:
            staged = self._single().stager.stage(content, made, name, digests)
        except OSError as error:
            raise StoreError.of(error, self.store.name) from error
        # The index records it under the item's URL, not the derived one.
        return made._replace(request=made.request._replace(url=made.final_url), staged=staged)

    async def commit(self, responses: Sequence[Response], parts: Sequence[Response] = ()) -> list[Outcome]:
        """Make responses durable, record them in the index, and report and return their outcomes, in their order.

        Those in `parts`, which derived objects were made from, are committed too, but are not reported as items.

        Raises:
            StoreError: the store could not be written.
        """
        outcomes, error = await in_thread(lambda: commit_batch(self.store, self.index, [*parts, *responses]))
        reported = [self.report(outcome) for outcome in outcomes[len(parts) :] if outcome is not None]
        if error is not None:
            raise error
        return reported

    async def settle(self, responses: Sequence[Response], parts: Sequence[Response] = ()) -> list[Outcome]:
        """Deprecated name of `commit`; removed in the next version."""
        warnings.warn("Engine.settle is called Engine.commit now", DeprecationWarning, stacklevel=2)
        return await self.commit(responses, parts)

    def client(
        self, source: "ClientSource", secret: Callable[[str], str] | None = None, *, auth: Any = None
    ) -> "AsyncClient":
        """An httpx-compatible client for single requests; docs/client.md lists what differs from httpx.

        Its responses are not stored, unless `keep` and `commit` are called. The client belongs to the engine's event
        loop; requests fail once the engine is closed.

        Args:
            source: provides limits and headers; headers are sent only to the origin of the source's URL.
            secret: returns the value of a secret by its reference; required if the source has `auth`.
            auth: an `httpx.Auth`, a pair of user and password, or anything else that httpx accepts.

        Raises:
            ValueError: the source has `auth`, and `secret` is missing.
        """
        from airnub_core.http.transport import AsyncClient, Transport

        transport = Transport(self._http(), self._single().event_loop, source, self.network, secret)
        self._transports.append(transport)
        return AsyncClient(transport, self._config.user_agent, auth)

    async def close(self) -> None:
        """Close all connections; open requests of its clients fail."""
        for transport in self._transports:
            transport.abort(ConnectionFailedError("", "the engine was closed"))
        if self._http_client is not None:
            self._http_client.close()
        if self._fetcher is not None:
            self._fetcher.close()

    def expect(self, items: int) -> None:
        """Announce this number of further outcomes to `on_expected`."""
        self._on_expected(items)

    def failure(self, item: Item, error: ItemError) -> Outcome:
        """Report an item that failed."""
        url = redact_url(item.url)
        return self.report(Outcome(item.source, Status.FAILED, url=url, attempts=error.attempts, error=error))

    async def give_up(
        self, item: Item, error: ItemError, others: Sequence[str] = (), *, is_its_own: bool = True
    ) -> Outcome:
        """Report a failed item, or as `gone` if its source withdraws URLs and this is the second such run in a row.

        Args:
            item: the item that failed.
            error: why it failed.
            others: URLs of objects derived from its response, which are withdrawn with it.
            is_its_own: whether the error came from the item's own URL, not from a URL that it linked to.

        Raises:
            StoreError: the store or the index cannot be written.
        """
        if not item.withdraws:
            return self.failure(item, error)
        # All under the item's URL: the index records them so, and `retry_failed` finds the failures by it.
        requests = [self._request(replace(item, url=url), is_there=False) for url in (*others, item.url)]
        named = [one._replace(url=item.url) for one in requests]
        if not is_its_own:
            self.index.forget_misses(item.source, [one.url_digest for one in named])
            return self.failure(item, error)
        responses = [Response(one, error.attempts, error) for one in named]
        outcomes = await in_thread(lambda: commit_unavailable(self.store, self.index, self._run, responses))
        # A derived object's outcome represents the item, where there is one; otherwise that of its own URL.
        ended = [one for one in outcomes if one is not None]
        return self.report(next((one for one in ended if one.kind is Status.GONE), ended[0]))

    async def miss(self, page: Item, url_digests: Collection[str]) -> list[Outcome]:
        """Withdraw and report the URLs that a page no longer links to, those that are not in `url_digests`.

        A URL missing for the first time is only noted, without an outcome.

        Raises:
            StoreError: the store or the index cannot be written.
        """
        named = set(url_digests)
        known = [one for one in self.index.current(page.source) if one.url_digest not in named]
        limits = self._limits_of(page.network)
        missing = [Response(Request(0, one.source, one.url, one.url_digest, limits, known=one), 1) for one in known]
        outcomes = await in_thread(lambda: commit_unavailable(self.store, self.index, self._run, missing))
        ended = [outcome for outcome in outcomes if outcome is not None]
        self.expect(len(ended))
        return [self.report(outcome) for outcome in ended]

    def report(self, outcome: Outcome) -> Outcome:
        """Report an outcome to `on_outcome`, and return it."""
        self._on_outcome(outcome)
        return outcome

    def _request(self, item: Item, *, force: bool = False, is_there: bool = True) -> Request:
        """The request for an item, with its index row; `is_there` drops the row if its object is not in the store."""
        digest = url_digest(item.url)
        known = self.index.lookup(item.source, [digest]).get(digest)
        if is_there and known is not None and not self.store.has(known.path, known.size):
            known = None
        limits, clock = self._limits_of(item.network), self.index.clock()
        return request_for(item, digest, known, limits, number=next(self._numbers), clock=clock, force=force)

    def _limits_of(self, network: NetworkSettings) -> Limits:
        """The limits of one source, cached by the `id` of its settings, which are kept so that no other reuses it."""
        found = self._limits.get(id(network))
        if found is None:
            found = self._limits[id(network)] = network, network.limits()
        return found[1]

    def _http(self) -> "Client":
        """The HTTP client of all requests, started by the first one."""
        if self._http_client is None:
            from airnub_core.http.client import Client

            self._http_client = Client(self._config.user_agent, self.network.connections)
        return self._http_client

    def _single(self) -> "Fetcher":
        if self._fetcher is None:
            from airnub_core.http.fetcher import Fetcher

            self._fetcher = Fetcher(self._http(), self._config.staging, self._config.partials)
        return self._fetcher


@asynccontextmanager
async def open_engine(
    place: Path | StoreLocation,
    network: NetworkSettings,
    *,
    force: bool = False,
    user_agent: str | None = None,
    processes: int | None = None,
    run: str | None = None,
    on_expected: Callable[[int], None] = lambda _items: None,
    on_outcome: Callable[[Outcome], None] = lambda _outcome: None,
) -> AsyncIterator[Engine]:
    """Open an engine on a store, and create the store if it is missing.

    Args:
        place: the store: a folder, with its index beside it, or a `StoreLocation` for any other layout.
        network: limits of all transfers together; each item has the limits of its source in addition.
        force: send no validators, so that unchanged files are fetched again.
        user_agent: value of the User-Agent header; `None` for the name and version of this package.
        processes: number of downloading processes, including this one; `None` starts a second one for many files.
        run: name of the run, equal for all its attempts, so that an earlier attempt does not count as the previous run
            (`on_gone: withdraw`); `None` for a run that opens one engine.
        on_expected: called with the number of items that are added.
        on_outcome: called with each outcome as soon as it is final.

    Raises:
        StoreError: the store cannot be created, read or written.
    """
    with open_for_writing(place) as opened:
        engine = Engine(
            opened,
            network,
            user_agent=user_agent or f"airnub/{version('airnub-core')}",
            force=force,
            processes=processes,
            run=run,
            on_expected=on_expected,
            on_outcome=on_outcome,
        )
        try:
            yield engine
        finally:
            await engine.close()
