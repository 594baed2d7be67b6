"""The engine: items go in, outcomes come out, one for each, and only what is durable is called stored.

The way of one file:

    Item → index.lookup → Request → download (retried) → Response with Staged
         → [batch] store.publish → index.record → Outcome

Pages and APIs, whose answers are needed to go on, are asked one at a time over the same client, and committed alike.
"""

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from airnub_common import redact_url
from airnub_core.commit import commit_batch
from airnub_core.concurrency import in_thread
from airnub_core.downloads import Downloads
from airnub_core.errors import ConnectionFailedError, DamagedObjectError, ItemError, StoreError
from airnub_core.http.downloader import DownloaderConfig
from airnub_core.http.limits import Limits
from airnub_core.http.request import Request, Response
from airnub_core.http.settings import NetworkSettings
from airnub_core.items import Item, request_for
from airnub_core.outcome import Outcome, Status
from airnub_core.store.clock import time_of
from airnub_core.store.factory import OpenStore, open_for_writing
from airnub_core.store.index import Index, Run, Scope
from airnub_core.store.layout import derived_url
from airnub_core.store.location import StoreLocation
from airnub_core.store.manifest import url_digest
from airnub_core.store.protocol import Store
from airnub_core.withdrawing import commit_unavailable

if TYPE_CHECKING:
    from airnub_core.http.client import Client
    from airnub_core.http.fetcher import Fetcher
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
        self._config = DownloaderConfig(
            opened.staging.folder, opened.hidden, network.connections, user_agent, opened.store.takes_logs
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
            self._config,
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

    async def get(self, item: Item) -> Response:
        """Fetch one item whose bytes are needed to go on, such as a page of records; to be committed afterwards.

        Raises:
            ItemError: it cannot be had; `error.attempts` says after how many attempts.
            StoreError: the store cannot be written.
        """
        return await self._single().fetch(self._request(item, force=self._force))

    async def read(self, response: Response) -> tuple[Response, bytes]:
        """The bytes of what `get` gave. Where the server said that nothing changed, and the object is damaged, it is
        fetched again: the response that is returned is the one to commit.

        Raises:
            ItemError: it cannot be had again.
            StoreError: the store cannot be read or written.
        """
        if response.staged is None:
            known = response.request.known
            assert known is not None, "only what is known is asked with validators"
            try:
                return response, self.store.read(known.path, known.digest)
            except DamagedObjectError:
                again = response.request._replace(etag=None, last_modified=None)
                response = await self._single().fetch(again)
        assert response.staged is not None, "without validators the bytes come"
        return response, _bytes_of(Path(response.staged.folder, response.staged.file_name))

    async def peek(self, item: Item, max_bytes: int, *, cuts: bool = False) -> Response:
        """What is at a URL, with its `content` in memory and without storing it: a page, a sitemap, a robots.txt.

        Args:
            item: what to ask.
            max_bytes: a smaller limit than that of the item's network settings.
            cuts: whether the first `max_bytes` of a larger body are taken, whatever the network settings say.

        Raises:
            ItemError: it cannot be had.
        """
        limits = self._limits_of(item.network)
        limits = limits._replace(max_bytes=max_bytes if cuts else min(max_bytes, limits.max_bytes))
        request = Request(next(self._numbers), item.source, item.url, "", limits, item.headers)
        return await self._single().peek(request, cuts=cuts)

    def begin(self, item: Item, file_name: str) -> Response:
        """Begin an object that is to be made from others, before the first of them is asked for: a response without a
        body.

        Args:
            item: names its source, and the URL that it stands for.
            file_name: its name.

        Raises:
            StoreError: the index cannot be asked.
        """
        request = self._request(replace(item, url=derived_url(item.url, file_name)))
        return Response(request, 1, final_url=item.url, sent_at=time_of(self.index))

    def keep(self, begun: Response, content: bytes, content_type: str, parts: Sequence[Response]) -> Response:
        """Put an object made from others into the store; to be committed afterwards.

        Args:
            begun: what `begin` gave, before any of the others was asked for.
            content: its bytes.
            content_type: its media type.
            parts: what it was made from; it is as old as the last of them.

        Raises:
            StoreError: the store cannot be written.
        """
        attempts = max((part.attempts for part in parts), default=1)
        sent_at = max((part.sent_at for part in parts), default=begun.sent_at)
        made = begun._replace(attempts=attempts, sent_at=sent_at, headers={"content-type": content_type})
        name = made.request.url.removeprefix(derived_url(made.final_url, ""))
        try:
            staged = self._single().stage(content, made, name, tuple(dict.fromkeys(part.digest for part in parts)))
        except OSError as error:
            raise StoreError.of(error, self.store.name) from error
        # The index knows it by the URL that it stands for.
        return made._replace(request=made.request._replace(url=made.final_url), staged=staged)

    async def commit(self, responses: Sequence[Response], parts: Sequence[Response] = ()) -> list[Outcome]:
        """Make responses durable, let the index learn of them, and report them; in their order.

        Args:
            responses: what is reported.
            parts: what they were made from: committed with them, but no items of their own.

        Raises:
            StoreError: the disk did not take them.
        """
        outcomes, error = await in_thread(lambda: commit_batch(self.store, self.index, [*parts, *responses]))
        reported = [self.report(outcome) for outcome in outcomes[len(parts) :] if outcome is not None]
        if error is not None:
            raise error
        return reported

    async def settle(self, responses: Sequence[Response], parts: Sequence[Response] = ()) -> list[Outcome]:
        """What `commit` was called before; goes with the next version."""
        warnings.warn("Engine.settle is called Engine.commit now", DeprecationWarning, stacklevel=2)
        return await self.commit(responses, parts)

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
        transport = Transport(self._http(), self._single().event_loop, origin)
        self._transports.append(transport)
        return new_async_client(transport, self._config.user_agent, auth)

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
        # All under the URL of the item, as the index knows them, and as the failures of the last run are to name it.
        asked = [self._request(replace(item, url=url), is_there=False) for url in (*others, item.url)]
        named = [one._replace(url=item.url) for one in asked]
        if not is_its_own:
            self.index.forget_misses(item.source, [one.url_digest for one in named])
            return self.failure(item, error)
        answered = [Response(one, error.attempts, error) for one in named]
        outcomes = await in_thread(lambda: commit_unavailable(self.store, self.index, self._run, answered))
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
        limits = self._limits_of(page.network)
        missing = [Response(Request(0, one.source, one.url, one.url_digest, limits, known=one), 1) for one in known]
        outcomes = await in_thread(lambda: commit_unavailable(self.store, self.index, self._run, missing))
        ended = [outcome for outcome in outcomes if outcome is not None]
        self.expect(len(ended))
        return [self.report(outcome) for outcome in ended]

    def report(self, outcome: Outcome) -> Outcome:
        """Report an outcome to `on_outcome`, and give it back."""
        self._on_outcome(outcome)
        return outcome

    def _request(self, item: Item, *, force: bool = False, is_there: bool = True) -> Request:
        """The request for an item, with what the index knows of it; with `is_there` only where its object is there."""
        digest = url_digest(item.url)
        known = self.index.lookup(item.source, [digest]).get(digest)
        if is_there and known is not None and not self.store.has(known.path, known.size):
            known = None
        limits, clock = self._limits_of(item.network), self.index.clock()
        return request_for(item, digest, known, limits, number=next(self._numbers), clock=clock, force=force)

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

            self._http_client = Client(self._config.user_agent, self.network.connections)
        return self._http_client

    def _single(self) -> "Fetcher":
        if self._fetcher is None:
            from airnub_core.http.fetcher import Fetcher

            self._fetcher = Fetcher(self._http(), self._config.staging, self._config.hidden)
        return self._fetcher


def _bytes_of(path: Path) -> bytes:
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
