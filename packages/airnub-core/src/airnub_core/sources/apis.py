"""JSON APIs: store every response unchanged, and write the records of all pages of a source to one JSON Lines file."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import model_validator

from airnub_core.concurrency import in_thread, together
from airnub_core.errors import HttpStatusError, ItemError
from airnub_core.http.request import Response
from airnub_core.http.url import origin_of
from airnub_core.items import Item
from airnub_core.moved import MOVED
from airnub_core.outcome import Outcome, Status
from airnub_core.sources.base import (
    DottedPath,
    HeaderName,
    HeaderText,
    Listed,
    MaskedSecrets,
    Number,
    Secret,
    SecretReference,
    Source,
    Url,
    with_warnings,
)
from airnub_core.sources.pagination import Pages, Paginator, whole_url
from airnub_core.sources.records import LARGE, Watermark, json_lines, parse_json, records_at
from airnub_core.store.layout import derived_url, records_name
from airnub_core.store.manifest import url_digest
from airnub_core.strict_model import StrictModel

if TYPE_CHECKING:
    from airnub_core.engine import Engine

JSON_LINES = "application/x-ndjson"
"""Media type of the JSON Lines files with records."""
SETTLED_TOGETHER = 20
"""Pages that are committed together, so that a run killed in a long pagination does not fetch all of them again."""


class Auth(StrictModel):
    """A secret sent in a request header."""

    block: SecretReference
    header: HeaderName = "Authorization"
    prefix: HeaderText = ""


class Incremental(StrictModel):
    """Incremental reading: `field` increases from record to record, and its largest value is sent as `param`.

    Known records with exactly this value are left out if the API returns them again.
    """

    field: DottedPath
    param: str


class ApiSource(Source):
    """A public JSON API."""

    url: Url
    params: Annotated[dict[str, str | int | Number | bool], MaskedSecrets] = {}
    headers: Annotated[dict[HeaderName, HeaderText], MaskedSecrets] = {}
    auth: Auth | None = None
    records: DottedPath | None = None
    """Dotted path of the list of records in a response; `None` stores whole responses."""
    pages: Pages | None = None
    incremental: Incremental | None = None

    @property
    def home(self) -> str | None:
        """The URL to whose origin the source's headers are sent."""
        return self.url

    def request_headers(self, secret: Secret | None) -> dict[str, str]:
        """Return the request headers of the source, including secrets; names in lower case.

        Raises:
            ValueError: the source has `auth`, and there is no `secret`.
        """
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.auth is not None:
            if secret is None:
                raise ValueError(f"{self.name}: expected a function that returns {self.auth.block} (auth), found none")
            headers[self.auth.header.lower()] = self.auth.prefix + secret(self.auth.block)
        return headers

    @model_validator(mode="after")
    def _incremental_records(self) -> Self:
        if self.incremental is not None and self.records is None:
            raise ValueError("expected records, which incremental reads a field of; found none")
        return self


async def ingest_apis(engine: "Engine", sources: Sequence[ApiSource], secret: Secret) -> list[Outcome]:
    """Fetch all APIs, concurrently for different sources.

    Returns:
        For a source with `records` one outcome, of its file of records; else one outcome for each response. The first
        outcome of a source warns of current objects of a former URL of the source, unless its URLs come from responses.

    Raises:
        StoreError: the store cannot be written.
    """
    engine.expect(len(sources))
    # A missing secret is an error before the first request.
    headers = [source.request_headers(secret) for source in sources]
    outcomes = await together(map(_ingest_api, repeat(engine), sources, headers))
    return await with_warnings(
        engine.index,
        [outcome for of_source in outcomes for outcome in of_source],
        {source.name: listed for source in sources if (listed := _listed(source)) is not None},
    )


def _listed(source: ApiSource) -> Listed | None:
    """Return the URLs of an API as configured, or `None` if they come from its responses."""
    url = whole_url(source)
    if source.incremental is not None or (source.records is None and source.pages is not None):
        return None
    records = records_name(source.name)
    digests = {url_digest(url), url_digest(derived_url(url, records))}
    return Listed(digests, None if source.records is None else records)


async def _ingest_api(engine: "Engine", source: ApiSource, headers: Mapping[str, str]) -> list[Outcome]:
    watermark = None
    if source.incremental is not None:
        watermark = Watermark(source.incremental.field, engine.index.watermark(source.name))
    last = None if watermark is None else watermark.last
    whole = Item(
        source.name,
        whole_url(source, last),
        source.network(engine.network),
        headers,
        withdraws=source.withdraws,
    )
    records = records_name(source.name)
    begun = None if source.records is None else engine.begin(whole, records)
    reading = _Reading(engine, source, whole, watermark)
    try:
        await reading.pages()
    except ItemError as error:
        await reading.settle()
        if reading.outcomes:
            engine.expect(1)
        made = [] if begun is None else [derived_url(whole.url, records)]
        # After the first response, an error belongs to a different page.
        failed = await engine.give_up(whole, error, made, is_its_own=not reading.responses)
        return [*reading.outcomes, failed]
    except BaseException:
        # If the run is cancelled or the disk is full, complete pages are not fetched again.
        await reading.settle()
        raise
    if begun is None:
        await reading.settle()
        return reading.outcomes
    if last is not None and not reading.lines:
        await reading.settle()
        return [engine.report(Outcome(source.name, Status.UNCHANGED, url=whole.url, attempts=reading.attempts))]
    collected = engine.keep(begun, b"".join(reading.lines), JSON_LINES, reading.responses)
    outcomes = await reading.settle(collected)
    if watermark is not None and watermark.value is not None:
        # Last, since a run that ends earlier must read the same records again.
        engine.index.move_watermark(source.name, watermark.as_text())
    return outcomes


class _Reading:
    """Reads one API page by page; keeps the pages before an error."""

    def __init__(self, engine: "Engine", source: ApiSource, whole: Item, watermark: Watermark | None) -> None:
        self._engine = engine
        self._source = source
        self._whole = whole
        self._watermark = watermark
        self._settled = 0
        self.responses: list[Response] = []
        self.lines: list[bytes] = []
        """Records of each page that has any, as JSON Lines: parsed records take ten times the memory."""
        self.outcomes: list[Outcome] = []
        """Outcomes of the pages, if each page is an item."""

    @property
    def attempts(self) -> int:
        return max((response.attempts for response in self.responses), default=1)

    async def pages(self) -> None:
        walk = Paginator(self._source, self._whole.url)
        while walk.url is not None:
            try:
                response = await self._engine.get(_page(self._whole, walk.url))
            except HttpStatusError as error:
                if walk.ends_with(error):
                    return
                raise
            response, content = await self._engine.read(response)
            self.responses.append(response)
            if len(content) > LARGE:
                # In a thread, since parsing takes seconds, and heartbeats and other sources must continue.
                await in_thread(partial(self._take, walk, content, response.headers))
            else:
                self._take(walk, content, response.headers)
            if len(self.responses) - self._settled >= SETTLED_TOGETHER:
                await self.settle()

    def _take(self, walk: Paginator, content: bytes, headers: Mapping[str, str]) -> None:
        """Add the records of a page, and prepare the request for the next one."""
        assert walk.url is not None, "the page that was read"
        document = parse_json(walk.url, content)
        if self._source.records is not None:
            records = records_at(walk.url, document, self._source.records)
            if self._watermark is not None:
                records = self._watermark.new_among(walk.url, records)
            if records:
                self.lines.append(json_lines(walk.url, records))
        walk.advance(document, headers)

    async def settle(self, *collected: Response) -> list[Outcome]:
        """Commit the pages that are not committed yet; report them if each page is an item."""
        fresh = self.responses[self._settled :]
        self._settled = len(self.responses)
        if self._source.records is not None:
            return await self._engine.commit(collected, parts=fresh)
        if fresh:
            # One item is counted already.
            self._engine.expect(len(fresh) - (not self.outcomes))
            self.outcomes += await self._engine.commit(fresh)
        return self.outcomes


def _page(whole: Item, url: str) -> Item:
    # The URL of the next page comes from the response: secrets are not sent to a different origin.
    headers = whole.headers if origin_of(url) == origin_of(whole.url) else {}
    return Item(whole.source, url, whole.network, headers)


def __getattr__(name: str) -> Any:
    return MOVED.renamed(__name__, name)
