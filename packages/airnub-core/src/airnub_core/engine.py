"""The engine: items go in, outcomes come out, one for each, and only what is durable is called stored.

The way of one item:

    index.lookup → transfer.fetch (retried) → store.publish → [batch] store.make_durable → index.record → outcome
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any

from airnub_common import redact_url
from airnub_core.arrival import Arrival, Item, confirmed, filed, validators
from airnub_core.errors import DamagedObjectError, ItemError, StoreError
from airnub_core.network.concurrency import together
from airnub_core.network.pacing import Pacing, host_of
from airnub_core.network.retries import retrying
from airnub_core.network.settings import NetworkSettings
from airnub_core.network.transfer import HttpTransfer, Received, Request
from airnub_core.outcome import Kind, Outcome
from airnub_core.store.content_store import ContentStore
from airnub_core.store.index import Index, Known
from airnub_core.store.opening import open_store
from airnub_core.store.staging import Staging

BATCH = 500
"""Items that are made durable and indexed together."""


class Engine:
    """Fetches items into one store; use `open_engine`, and one engine in one event loop."""

    def __init__(
        self,
        store: ContentStore,
        index: Index,
        network: NetworkSettings,
        staging: Staging,
        transfer: HttpTransfer,
        *,
        force: bool = False,
        on_expected: Callable[[int], None] = lambda _items: None,
        on_outcome: Callable[[Outcome], None] = lambda _outcome: None,
    ) -> None:
        self.store = store
        self.index = index
        self.network = network
        self._staging = staging
        self._transfer = transfer
        self._force = force
        self._on_expected = on_expected
        self._on_outcome = on_outcome
        self._pacing = Pacing(network)

    async def ingest(self, items: Iterable[Item]) -> list[Outcome]:
        """Fetch items, many at a time; their outcomes, in the order of the items.

        Raises:
            StoreError: the store cannot be written; what arrived before is settled.
        """
        wanted = list(items)
        self.expect(len(wanted))
        known = self._lookup(wanted)
        outcomes: list[Outcome | None] = [None] * len(wanted)
        arrived: list[tuple[int, Arrival]] = []
        settling = asyncio.Lock()
        queues: dict[str, list[tuple[int, Item]]] = {}
        for place, item in enumerate(wanted):
            queues.setdefault(host_of(item.url), []).append((place, item))

        async def settle(at_least: int) -> None:
            async with settling:
                batch = arrived[:]
                if len(batch) < at_least:
                    return
                settled = await self.settle([arrival for _, arrival in batch])
                for (place, _), outcome in zip(batch, settled, strict=True):
                    outcomes[place] = outcome
                del arrived[: len(batch)]

        async def work(waiting: Iterator[tuple[int, Item]]) -> None:
            for place, item in waiting:
                try:
                    arrived.append((place, await self._get(item, known.get((item.source, item.url)))))
                except ItemError as error:
                    outcomes[place] = self.failure(item, error)
                if len(arrived) >= BATCH:
                    await settle(BATCH)

        def workers() -> Iterator[Coroutine[Any, Any, None]]:
            # Each host has workers of its own, so that a slow one keeps nobody else waiting; `Pacing` limits them all.
            for queue in queues.values():
                waiting = iter(queue)
                places = max(item.network.connections_per_host for _, item in queue)
                for _ in range(min(places, self.network.connections, len(queue))):
                    yield work(waiting)

        try:
            await together(workers())
        finally:
            # Also when the run is cancelled or the disk is full: what is whole is not fetched again.
            await settle(1)
        ended = [outcome for outcome in outcomes if outcome is not None]
        assert len(ended) == len(wanted), "one item, one outcome"
        return ended

    async def get(self, item: Item) -> Arrival:
        """Fetch one item whose bytes are needed to go on, such as a page with links; to be settled afterwards.

        Raises:
            ItemError: it cannot be had; `error.attempts` says after how many attempts.
            StoreError: the store cannot be written.
        """
        return await self._get(item, self._known(item))

    async def read(self, arrival: Arrival) -> tuple[Arrival, bytes]:
        """The bytes of an arrival. Where the server said that nothing changed, and the object is damaged, it is fetched
        again: the arrival that is returned is the one to settle.

        Raises:
            ItemError: it cannot be had again.
            StoreError: the store cannot be read or written.
        """
        try:
            return arrival, self.store.read(arrival.row.path, arrival.row.digest)
        except DamagedObjectError:
            if arrival.published is not None:
                raise
        again = await self._get(arrival.item, self._known(arrival.item), force=True)
        return again, self.store.read(again.row.path, again.row.digest)

    async def peek(self, item: Item, max_bytes: int) -> tuple[bytes, Mapping[str, str], str]:
        """What is at a URL, without storing it: a page, a sitemap, a robots.txt.

        Args:
            item: what to ask.
            max_bytes: a smaller limit than that of the item's network settings.

        Returns:
            The bytes, the headers with names in lower case, and where they came from after redirects.

        Raises:
            ItemError: it cannot be had.
            StoreError: the store cannot be written.
        """
        limits = item.network.model_copy(update={"max_bytes": min(max_bytes, item.network.max_bytes)})
        received, _ = await self._fetch(item, Request(item.url, limits, item.headers))
        assert received.body is not None, "no validators were sent"
        try:
            return received.body.content(), received.headers, received.final_url
        except OSError as error:
            raise StoreError.of(error, self.store.root) from error
        finally:
            received.body.discard()

    def keep(self, item: Item, content: bytes, file_name: str, content_type: str, parts: Sequence[Arrival]) -> Arrival:
        """Put an object made from others into the store; to be settled afterwards.

        Args:
            item: names its source, and the URL that it stands for.
            content: its bytes.
            file_name: its name.
            content_type: its media type.
            parts: what it was made from.

        Raises:
            StoreError: the store cannot be written.
        """
        # The same URL may have an object of its own, the raw answer: what is made from it is told apart by a fragment.
        derived = replace(item, url=f"{item.url}#{file_name}")
        known = self._known(derived)
        try:
            body = self._staging.body()
            body.write(content)
            received = Received(HTTPStatus.OK, item.url, {"content-type": content_type}, body)
            attempts = max((part.attempts for part in parts), default=1)
            arrival = filed(self.store, derived, received, known, attempts, file_name=file_name, parts=parts)
        except OSError as error:
            raise StoreError.of(error, self.store.root) from error
        return replace(arrival, item=item)

    async def settle(self, arrivals: Sequence[Arrival], parts: Sequence[Arrival] = ()) -> list[Outcome]:
        """Make arrivals durable, let the index learn of them, and report them; in their order.

        Args:
            arrivals: what is reported.
            parts: what they were made from: settled with them, but no items of their own.

        Raises:
            StoreError: the disk did not take them.
        """
        both = [*parts, *arrivals]
        published = [arrival.published for arrival in both if arrival.published is not None]
        rows = [arrival.row for arrival in both]
        changed = [arrival.row for arrival in both if arrival.kind in {Kind.STORED, Kind.UPDATED}]
        try:
            await asyncio.to_thread(self.store.make_durable, published)
        except OSError as error:
            raise StoreError.of(error, self.store.root) from error
        if rows:
            self.index.record(rows, changed)
        outcomes = [
            Outcome(
                source=arrival.item.source,
                kind=arrival.kind,
                url=redact_url(arrival.item.url),
                digest=arrival.row.digest,
                path=arrival.row.path,
                manifest=arrival.row.manifest,
                size=arrival.size,
                attempts=arrival.attempts,
            )
            for arrival in arrivals
        ]
        return [self.report(outcome) for outcome in outcomes]

    def expect(self, items: int) -> None:
        """Tell whoever listens that so many more outcomes are to come."""
        self._on_expected(items)

    def failure(self, item: Item, error: ItemError) -> Outcome:
        """Report an item that failed."""
        url = redact_url(item.url)
        return self.report(Outcome(item.source, Kind.FAILED, url=url, attempts=error.attempts, error=error))

    def report(self, outcome: Outcome) -> Outcome:
        """Tell whoever listens, and give the outcome back."""
        self._on_outcome(outcome)
        return outcome

    def _lookup(self, items: Sequence[Item]) -> dict[tuple[str, str], Known]:
        urls: dict[str, list[str]] = {}
        for item in items:
            urls.setdefault(item.source, []).append(item.url)
        return {
            (source, url): known
            for source, asked in urls.items()
            for url, known in self.index.lookup(source, asked).items()
        }

    def _known(self, item: Item) -> Known | None:
        return self._lookup([item]).get((item.source, item.url))

    async def _get(self, item: Item, known: Known | None, *, force: bool = False) -> Arrival:
        if known is not None and not self.store.has(known.path, known.size):
            known = None
        conditions = {} if self._force or force else validators(known)
        received, attempts = await self._fetch(item, Request(item.url, item.network, item.headers, conditions))
        try:
            if received.body is None:
                assert known is not None, "only what is known is asked with validators"
                return confirmed(item, received, known, attempts)
            return filed(self.store, item, received, known, attempts)
        except OSError as error:
            raise StoreError.of(error, self.store.root) from error

    async def _fetch(self, item: Item, request: Request) -> tuple[Received, int]:
        """One transfer with its retries, and how many attempts it took."""
        attempts = 0
        try:
            async for attempt in retrying(item.network.attempts):
                with attempt:
                    attempts += 1
                    async with self._pacing.turn(host_of(item.url), item.network):
                        received = await self._transfer.fetch(request, self._staging.body)
        except ItemError as error:
            error.attempts = attempts
            raise
        except OSError as error:
            raise StoreError.of(error, self.store.root) from error
        return received, attempts


@asynccontextmanager
async def open_engine(
    root: Path,
    network: NetworkSettings,
    *,
    force: bool = False,
    user_agent: str = f"airnub/{version('airnub-core')}",
    on_expected: Callable[[int], None] = lambda _items: None,
    on_outcome: Callable[[Outcome], None] = lambda _outcome: None,
) -> AsyncIterator[Engine]:
    """An engine on the store in the folder `root`, which is created when it is missing.

    Args:
        root: the store.
        network: limits of all transfers together; each item brings those of its source.
        force: fetch also what the server would say is unchanged.
        user_agent: who asks.
        on_expected: told how many more items are on their way.
        on_outcome: told each outcome as soon as it is certain.

    Raises:
        StoreError: the store cannot be created, read or written.
    """
    with open_store(root) as (store, index), store.staging() as staging:
        async with HttpTransfer(user_agent) as transfer:
            yield Engine(
                store,
                index,
                network,
                staging,
                transfer,
                force=force,
                on_expected=on_expected,
                on_outcome=on_outcome,
            )
