"""The engine: items go in, outcomes come out, one for each, and only what is durable is called stored.

The way of one file:

    index.lookup → download (retried) → staged → [batch] store.publish → index.record → outcome

Pages and APIs, whose answers are needed to go on, are asked one at a time over the same client, and settled alike.
"""

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import uuid4

from airnub_common import redact_url
from airnub_core.commit import commit_batch
from airnub_core.concurrency import in_thread
from airnub_core.downloads import Downloads
from airnub_core.errors import ConnectionFailedError, DamagedObjectError, ItemError, StoreError
from airnub_core.http.limits import Limits
from airnub_core.http.request import Fetched, Request
from airnub_core.http.settings import NetworkSettings
from airnub_core.http.worker_pool import DownloaderConfig
from airnub_core.items import FetchResult, Item, validators
from airnub_core.outcome import Outcome, Status
from airnub_core.store.clock import time_of
from airnub_core.store.factory import OpenStore, open_for_writing
from airnub_core.store.index import Index, IndexRow, Run, Scope
from airnub_core.store.layout import Staged, derived_url
from airnub_core.store.location import StoreLocation
from airnub_core.store.manifest import RequestInfo, url_digest
from airnub_core.store.protocol import Store
from airnub_core.store.staging import StagedBody
from airnub_core.withdrawing import Unavailable, commit_unavailable

if TYPE_CHECKING:
    from airnub_core.http.client import Client
    from airnub_core.http.fetcher import EventLoop, Fetcher
    from airnub_core.http.transport import AsyncClient, Transport


class ClientSource(Protocol):
    """What `Engine.client` needs of a source."""

    @property
    def name(self) -> str:
        """Of the source."""
        ...

    @property
    def home(self) -> str | None:
        """The URL whose origin its headers are for."""
        ...

    def network(self, department: NetworkSettings) -> NetworkSettings:
        """Its limits."""
        ...

    def request_headers(self, secret: Callable[[str], str] | None) -> Mapping[str, str]:
        """Its headers, secrets among them; names in lower case."""
        ...


class Begun(NamedTuple):
    """An object that is to be made from others, and what was known of it before they were asked for."""

    item: Item
    file_name: str
    url_digest: str
    known: IndexRow | None
    began_at: str
    """By the clock of the index: ISO 8601 in UTC."""


class Engine:
    """Fetches items into one store; use `open_engine`, and one engine in one event loop."""

    def __init__(
        self,
        opened: OpenStore,
        network: NetworkSettings,
        *,
        user_agent: str,
        force: bool = False,
        processes: int | None = None,
        run: str | None = None,
        on_expected: Callable[[int], None] = lambda _items: None,
        on_outcome: Callable[[Outcome], None] = lambda _outcome: None,
    ) -> None:
        self.store: Store = opened.store
        self.index: Index = opened.index
        self.network = network
        self._run = Run(run or uuid4().hex, time_of(opened.index))
        self._staging = opened.staging
        self._setting = DownloaderConfig(
            opened.staging.folder, opened.hidden, network.connections, user_agent, opened.store.takes_logs
        )
        self._user_agent = user_agent
        self._hidden = opened.hidden
        self._http_client: Client | None = None
        self._fetcher: Fetcher | None = None
        self._event_loop: EventLoop | None = None
        self._transports: list[Transport] = []
        self._limits: dict[int, tuple[NetworkSettings, Limits]] = {}
        self._force = force
        self._processes = processes
        self._on_expected = on_expected
        self._on_outcome = on_outcome
        self._only: dict[str, frozenset[str | None]] = {}
        """By source the URLs, redacted, that alone are asked for."""
        # Two downloads at once would each keep to the limits, and together exceed them.
        self._downloading = asyncio.Lock()

    @property
    def run(self) -> str:
        """The name of the run, the same for all its attempts."""
        return self._run.name

    def retry_failed(self, sources: Iterable[str]) -> list[str]:
        """From now on, ask only for what failed in the last run of each source; those of these sources it leaves.

        Of a source whose last run did not end, or in which very many items failed, everything is asked for; one whose
        last run was complete, or that never ran, is left out.

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
        """Whether a URL is to be asked for; after `retry_failed` not every URL of a source is."""
        return source not in self._only or redact_url(url) in self._only[source]

    async def ingest(self, items: Iterable[Item]) -> list[Outcome]:
        """Fetch items, many at a time; their outcomes, in the order of the items.

        Raises:
            StoreError: the store cannot be written; what arrived before is settled.
            Exception: `on_outcome` raised it; nothing more is begun, and what has come is committed.
        """
        wanted = list(items)
        self.expect(len(wanted))
        loop = asyncio.get_running_loop()
        unheard: list[Exception] = []

        def report(outcomes: list[Outcome]) -> None:
            try:
                for outcome in outcomes:
                    self._on_outcome(outcome)
            except Exception as error:  # noqa: BLE001  # the loop would only log it; it is raised below
                unheard.append(error)
                downloads.stop()

        def tell(outcomes: list[Outcome]) -> None:
            loop.call_soon_threadsafe(report, outcomes)

        downloads = Downloads(
            self.store,
            self.index,
            self._setting,
            self.network,
            force=self._force,
            processes=self._processes,
            run=self._run,
            on_outcomes=tell,
            client=self._http(),
        )
        async with self._downloading:
            # Stopped, it settles what has come, so that it is not fetched again.
            outcomes = await in_thread(lambda: downloads.run(wanted), downloads.stop)
        if unheard:
            raise unheard[0]
        ended = [outcome for outcome in outcomes if outcome is not None]
        assert len(ended) == len(wanted), "one item, one outcome"
        return ended

    async def get(self, item: Item) -> FetchResult:
        """Fetch one item whose bytes are needed to go on, such as a page of records; to be settled afterwards.

        Raises:
            ItemError: it cannot be had; `error.attempts` says after how many attempts.
            StoreError: the store cannot be written.
        """
        return await self._get(item, force=self._force)

    async def read(self, arrival: FetchResult) -> tuple[FetchResult, bytes]:
        """The bytes of an arrival. Where the server said that nothing changed, and the object is damaged, it is fetched
        again: the result that is returned is the one to commit.

        Raises:
            ItemError: it cannot be had again.
            StoreError: the store cannot be read or written.
        """
        if arrival.staged is None:
            assert arrival.known is not None, "only what is known is asked with validators"
            try:
                return arrival, self.store.read(arrival.known.path, arrival.known.digest)
            except DamagedObjectError:
                arrival = await self._get(arrival.item, force=True)
        assert arrival.staged is not None, "without validators the bytes come"
        return arrival, _bytes_of(arrival.staged)

    async def peek(self, item: Item, max_bytes: int, *, cuts: bool = False) -> tuple[bytes, Mapping[str, str], str]:
        """What is at a URL, without storing it: a page, a sitemap, a robots.txt.

        Args:
            item: what to ask.
            max_bytes: a smaller limit than that of the item's network settings.
            cuts: whether the first `max_bytes` of a larger body are taken, whatever the network settings say.

        Returns:
            The bytes, the headers with names in lower case, and where they came from after redirects.

        Raises:
            ItemError: it cannot be had.
        """
        limits = self._limits_of(item.network)
        limits = limits._replace(max_bytes=max_bytes if cuts else min(max_bytes, limits.max_bytes))
        job = Request(0, RequestInfo(item.source, item.url, ""), limits, item.headers)
        _, content, headers, final_url = await self._single().peek(job, cuts=cuts)
        return content, headers, final_url

    def begin(self, item: Item, file_name: str) -> Begun:
        """Begin an object that is to be made from others, before the first of them is asked for.

        Args:
            item: names its source, and the URL that it stands for.
            file_name: its name.

        Raises:
            StoreError: the index cannot be asked.
        """
        digest, known = self._known(replace(item, url=derived_url(item.url, file_name)))
        return Begun(item, file_name, digest, known, time_of(self.index))

    def keep(self, begun: Begun, content: bytes, content_type: str, parts: Sequence[FetchResult]) -> FetchResult:
        """Put an object made from others into the store; to be settled afterwards.

        Args:
            begun: what was begun, before any of the others was asked for.
            content: its bytes.
            content_type: its media type.
            parts: what it was made from; it is as old as the last of them.

        Raises:
            StoreError: the store cannot be written.
        """
        item, file_name, digest, known, began_at = begun
        derived = replace(item, url=derived_url(item.url, file_name))
        try:
            body = self._staging.body()
            body.write(content)
        except OSError as error:
            raise StoreError.of(error, self.store.name) from error
        attempts = max((part.attempts for part in parts), default=1)
        sent_at = max((part.sent_at for part in parts), default=began_at)
        derived_from = tuple(dict.fromkeys(part.digest for part in parts))
        arrival = FetchResult(derived, digest, known, None, attempts, sent_at, headers={"content-type": content_type})
        return self._staged(arrival, body, item.url, file_name, derived_from)._replace(item=item)

    async def commit(self, arrivals: Sequence[FetchResult], parts: Sequence[FetchResult] = ()) -> list[Outcome]:
        """Make arrivals durable, let the index learn of them, and report them; in their order.

        Args:
            arrivals: what is reported.
            parts: what they were made from: settled with them, but no items of their own.

        Raises:
            StoreError: the disk did not take them.
        """
        outcomes, error = await in_thread(lambda: commit_batch(self.store, self.index, [*parts, *arrivals]))
        told = [self.report(outcome) for outcome in outcomes[len(parts) :] if outcome is not None]
        if error is not None:
            raise error
        return told

    async def settle(self, arrivals: Sequence[FetchResult], parts: Sequence[FetchResult] = ()) -> list[Outcome]:
        """What `commit` was called before; goes with the next version."""
        warnings.warn("Engine.settle is called Engine.commit now", DeprecationWarning, stacklevel=2)
        return await self.commit(arrivals, parts)

    def client(
        self, source: "ClientSource", secret: Callable[[str], str] | None = None, *, auth: Any = None
    ) -> "AsyncClient":
        """A client for code that asks for one thing at a time; docs/client.md says what it does as httpx, and what not.

        What is asked for with it is not in the store, unless `keep` and `commit` are called. It belongs to the event
        loop of the engine; requests after the engine is closed fail.

        Args:
            source: gives limits and headers, which go to the origin of its URL alone.
            secret: gives the value of a secret by its reference, where the source has `auth`.
            auth: an `httpx.Auth`, user and password, or what else httpx takes.

        Raises:
            ValueError: the source has `auth`, and there is no `secret`.
        """
        from airnub_core.http.transport import Origin, Transport, new_async_client

        limits = source.network(self.network).limits()
        origin = Origin(source.name, limits, source.home, source.request_headers(secret))
        transport = Transport(self._http(), self._awaited(), origin)
        self._transports.append(transport)
        return new_async_client(transport, self._user_agent, auth)

    async def close(self) -> None:
        """Close its connections."""
        for transport in self._transports:
            transport.abort(ConnectionFailedError("", "the engine was closed"))
        if self._http_client is not None:
            self._http_client.close()
        if self._fetcher is not None:
            self._fetcher.close()

    def expect(self, items: int) -> None:
        """Report to `on_expected` that so many more outcomes are to come."""
        self._on_expected(items)

    def failure(self, item: Item, error: ItemError) -> Outcome:
        """Report an item that failed."""
        url = redact_url(item.url)
        return self.report(Outcome(item.source, Status.FAILED, url=url, attempts=error.attempts, error=error))

    async def give_up(
        self, item: Item, error: ItemError, others: Sequence[str] = (), *, is_its_own: bool = True
    ) -> Outcome:
        """Report an item that failed, or as `gone` where its source withdraws URLs and this is the second run in a row.

        Args:
            item: that failed.
            error: why.
            others: URLs of what was made from its answer, which are withdrawn with it.
            is_its_own: whether it was the item's own URL that answered so, and not one that it led to.

        Raises:
            StoreError: the store or the index cannot be written.
        """
        if not item.withdraws:
            return self.failure(item, error)
        known: list[Unavailable] = []
        for url in (*others, item.url):
            found = self._lookup(replace(item, url=url))
            known.append(Unavailable(item, *found, error))
        if not is_its_own:
            for one in known:
                self.index.forget_misses(item.source, [one.url_digest])
            return self.failure(item, error)
        outcomes = await in_thread(lambda: commit_unavailable(self.store, self.index, self._run, known))
        # The item is what was made, where something was, and else its own answer.
        ended = [one for one in outcomes if one is not None]
        return self.report(next((one for one in ended if one.kind is Status.GONE), ended[0]))

    async def miss(self, page: Item, url_digests: Collection[str]) -> list[Outcome]:
        """Report the URLs that a page does not name any more, and that are withdrawn for it.

        Args:
            page: gives the source.
            url_digests: of all that it names.

        Returns:
            One outcome for each that is withdrawn. One that is missing for the first time is noted, and has none.

        Raises:
            StoreError: the store or the index cannot be written.
        """
        named = set(url_digests)
        known = [one for one in self.index.current(page.source) if one.url_digest not in named]
        missing = [Unavailable(replace(page, url=one.url), one.url_digest, one, None) for one in known]
        outcomes = await in_thread(lambda: commit_unavailable(self.store, self.index, self._run, missing))
        ended = [outcome for outcome in outcomes if outcome is not None]
        self.expect(len(ended))
        return [self.report(outcome) for outcome in ended]

    def report(self, outcome: Outcome) -> Outcome:
        """Report an outcome to `on_outcome`, and give it back."""
        self._on_outcome(outcome)
        return outcome

    def _lookup(self, item: Item) -> tuple[str, IndexRow | None]:
        digest = url_digest(item.url)
        return digest, self.index.lookup(item.source, [digest]).get(digest)

    def _known(self, item: Item) -> tuple[str, IndexRow | None]:
        """The digest of the item's URL, and what is known of it; nothing where its object is gone."""
        digest, known = self._lookup(item)
        there = known is not None and self.store.has(known.path, known.size)
        return digest, known if there else None

    async def _get(self, item: Item, *, force: bool) -> FetchResult:
        digest, known = self._known(item)
        etag, last_modified = (None, None) if force else validators(known)
        previous = None if known is None else known.digest
        asked = RequestInfo(item.source, item.url, digest, item.page, item.title, previous)
        clock = self.index.clock()
        job = Request(0, asked, self._limits_of(item.network), item.headers, etag, last_modified, clock)
        result = await self._single().fetch(job)
        staged = result.staged if isinstance(result, Fetched) else None
        return FetchResult(
            item,
            digest,
            known,
            staged,
            result.attempts,
            result.sent_at,
            result.etag,
            result.last_modified,
            result.headers,
        )

    def _staged(
        self, arrival: FetchResult, body: StagedBody, final_url: str, name: str, derived_from: tuple[str, ...] = ()
    ) -> FetchResult:
        """An arrival with its body, its manifest beside it, ready to be published."""
        item, known = arrival.item, arrival.known
        previous = None if known is None else known.digest
        asked = RequestInfo(item.source, item.url, arrival.url_digest, item.page, item.title, previous)
        try:
            staged = body.finish(asked, final_url, arrival.headers, name, arrival.sent_at, derived_from)
        except OSError as error:
            raise StoreError.of(error, self.store.name) from error
        return arrival._replace(staged=staged)

    def _limits_of(self, network: NetworkSettings) -> Limits:
        """Of one source, as a plain value; its settings are kept, so that their identity is theirs alone."""
        found = self._limits.get(id(network))
        if found is None:
            found = self._limits[id(network)] = network, network.limits()
        return found[1]

    def _http(self) -> "Client":
        """The client of all requests, started at the first."""
        if self._http_client is None:
            from airnub_core.http.client import Client

            self._http_client = Client(self._user_agent, self.network.connections)
        return self._http_client

    def _single(self) -> "Fetcher":
        if self._fetcher is None:
            from airnub_core.http.fetcher import Fetcher

            self._fetcher = Fetcher(self._http(), self._awaited(), self._staging.folder, self._hidden)
        return self._fetcher

    def _awaited(self) -> "EventLoop":
        if self._event_loop is None:
            from airnub_core.http.fetcher import EventLoop

            self._event_loop = EventLoop()
        return self._event_loop


def _bytes_of(staged: Staged) -> bytes:
    path = Path(staged.folder, staged.file_name)
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError.of(error, path) from error


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
    """An engine on a store, which is created when it is missing.

    Args:
        place: the store: a folder, with its index beside it; or a `StoreLocation` for what is elsewhere.
        network: limits of all transfers together; each item brings those of its source.
        force: fetch also what the server would say is unchanged.
        user_agent: who asks; `None` for the name and version of this package.
        processes: how many download, this one among them; `None` for as many as pay: another one for many files.
        run: the same for all attempts of one run, so that none of them counts as the run before (`on_gone: withdraw`);
            `None` for a run that opens one engine.
        on_expected: called with the number of items that are added.
        on_outcome: called with each outcome as soon as it is certain.

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
