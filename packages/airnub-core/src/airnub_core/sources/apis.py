"""JSON APIs: store every response unchanged, and write the records of all pages of a source to one JSON Lines file.

An incremental source has a watermark: how far it was read, and so which of its records are new.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import model_validator

from airnub_common import sha256_hex
from airnub_core.concurrency import in_thread, together
from airnub_core.errors import HttpStatusError, ItemError, MissingPathError
from airnub_core.http.request import Response
from airnub_core.http.url import origin_of
from airnub_core.items import Item
from airnub_core.outcome import Outcome, Status
from airnub_core.sources.base import (
    DottedPath,
    HeaderName,
    HeaderText,
    Listed,
    MaskedSecrets,
    Number,
    Part,
    Secret,
    SecretReference,
    Source,
    Url,
    with_warnings,
)
from airnub_core.sources.pagination import Pages, Paginator, is_sendable, whole_url
from airnub_core.sources.records import LARGE, described, json_lines, parse_json, records_at, value_at
from airnub_core.store.layout import derived_url, records_name
from airnub_core.store.manifest import url_digest

if TYPE_CHECKING:
    from airnub_core.engine import Engine

JSON_LINES = "application/x-ndjson"
"""Media type of the files of records."""
SETTLED_TOGETHER = 20
"""Pages that are made durable together: a run that is killed in a long walk does not ask for all of them again."""
MAX_BORDER = 10_000
"""Records of a watermark's value that are remembered; of more, all come again: twice is better than never."""


class Auth(Part):
    """A secret that is sent as a header."""

    block: SecretReference
    header: HeaderName = "Authorization"
    prefix: HeaderText = ""


class Incremental(Part):
    """Only what is new: `field` of the records grows, and its largest value so far is sent as `param`.

    Records of this very value that were there before are left out when the API gives them again.
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
    """Where the list of records stands in an answer; without it the whole answer is kept."""
    pages: Pages | None = None
    incremental: Incremental | None = None

    @property
    def home(self) -> str | None:
        """The URL whose origin the headers of the source are for."""
        return self.url

    def request_headers(self, secret: Secret | None) -> dict[str, str]:
        """What the source sends with each request, secrets among them; names in lower case.

        Args:
            secret: gives the value of a secret by its reference.

        Raises:
            ValueError: the source has `auth`, and there is no `secret`.
        """
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.auth is not None:
            if secret is None:
                raise ValueError(f"{self.name}: expected a function that gives {self.auth.block} (auth), found none")
            headers[self.auth.header.lower()] = self.auth.prefix + secret(self.auth.block)
        return headers

    @model_validator(mode="after")
    def _incremental_records(self) -> Self:
        if self.incremental is not None and self.records is None:
            raise ValueError("incremental reads a field of the records: expected records, found none")
        return self


async def ingest_apis(engine: "Engine", sources: Sequence[ApiSource], secret: Secret) -> list[Outcome]:
    """Ask every API, those of different sources at the same time.

    Args:
        engine: where to.
        sources: what to ask.
        secret: gives the value of a secret by its reference.

    Returns:
        For a source with `records` one outcome, of the file of its records; else one for each answer. The first outcome
        of a source warns of what is current of a URL that it had before, except where its URLs come from its answers.

    Raises:
        StoreError: the store cannot be written.
    """
    engine.expect(len(sources))
    # A secret that is missing is an error before anything is asked.
    headers = [source.request_headers(secret) for source in sources]
    outcomes = await together(map(_ingest_api, repeat(engine), sources, headers))
    return await with_warnings(
        engine.index,
        [outcome for of_source in outcomes for outcome in of_source],
        {source.name: listed for source in sources if (listed := _listed(source)) is not None},
    )


def _listed(source: ApiSource) -> Listed | None:
    """What is current of an API as it is set, `None` where its URLs come from its answers."""
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
        # An error behind the first answer is that of another page.
        failed = await engine.give_up(whole, error, made, is_its_own=not reading.responses)
        return [*reading.outcomes, failed]
    except BaseException:
        # The run is cancelled, or the disk is full: what is whole is not fetched again.
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
        # Only now: a run that ends before asks for the same records again.
        engine.index.move_watermark(source.name, watermark.as_text())
    return outcomes


class _Reading:
    """One API, page by page; what came before an error is there."""

    def __init__(self, engine: "Engine", source: ApiSource, whole: Item, watermark: "Watermark | None") -> None:
        self._engine = engine
        self._source = source
        self._whole = whole
        self._watermark = watermark
        self._settled = 0
        self.responses: list[Response] = []
        self.lines: list[bytes] = []
        """The records of each page that has some, as JSON Lines: parsed they take ten times the memory."""
        self.outcomes: list[Outcome] = []
        """Where every page is an item."""

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
                # It takes seconds: a run's heartbeats, and other sources, go on meanwhile.
                await in_thread(partial(self._take, walk, content, response.headers))
            else:
                self._take(walk, content, response.headers)
            if len(self.responses) - self._settled >= SETTLED_TOGETHER:
                await self.settle()

    def _take(self, walk: Paginator, content: bytes, headers: Mapping[str, str]) -> None:
        """Take the records of a page, and go on from it."""
        assert walk.url is not None, "the page that was read"
        answer = parse_json(walk.url, content)
        if self._source.records is not None:
            records = records_at(walk.url, answer, self._source.records)
            if self._watermark is not None:
                records = self._watermark.new_among(walk.url, records)
            if records:
                self.lines.append(json_lines(walk.url, records))
        walk.advance(answer, headers)

    async def settle(self, *collected: Response) -> list[Outcome]:
        """Make durable what is not yet; where every page is an item it is reported too."""
        fresh = self.responses[self._settled :]
        self._settled = len(self.responses)
        if self._source.records is not None:
            return await self._engine.commit(collected, parts=fresh)
        if fresh:
            # One item is expected already.
            self._engine.expect(len(fresh) - (not self.outcomes))
            self.outcomes += await self._engine.commit(fresh)
        return self.outcomes


def _page(whole: Item, url: str) -> Item:
    # The next page's URL comes from the answer: another origin's business is none of our secrets.
    headers = whole.headers if origin_of(url) == origin_of(whole.url) else {}
    return Item(whole.source, url, whole.network, headers)


class Watermark:
    """The largest value of a field so far, and which records are new since the run before.

    An API that is asked for what is new since a value may give the records of this very value again, and among them
    some that came later: they are known by their digests, the border.
    """

    def __init__(self, field: str, written: str | None) -> None:
        """Read it.

        Args:
            field: a dotted path in each record to what grows.
            written: what `as_text` wrote at the end of the last success; `None` before the first one.
        """
        last = None if written is None else json.loads(written)
        if not isinstance(last, dict):
            last = {"value": last, "border": []}  # as it was written before the border was kept
        self.last: Any = last["value"]
        """The value of the last success: a text or a number; `None` before the first record."""
        self.value: Any = self.last
        """Behind all records so far."""
        self._field = field
        self._last_border = frozenset(last["border"])
        self._border = set(self._last_border)

    def as_text(self) -> str:
        """What an index keeps."""
        border = sorted(self._border) if len(self._border) <= MAX_BORDER else []
        return json.dumps({"value": self.value, "border": border})

    def new_among(self, url: str, records: Iterable[Any]) -> list[Any]:
        """The records of a page that are new; pages may come in any order.

        Raises:
            MissingPathError: a record has no such field, or none that compares and can be sent.
            NotJsonError: a record is nested too deep.
        """
        return [record for record in records if self._is_new(url, record)]

    def _is_new(self, url: str, record: Any) -> bool:
        value = value_at(url, record, self._field)
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not is_sendable(value):
            raise MissingPathError(url, self._field, "a text or a number", described(value))
        try:
            older = self.value is not None and value < self.value
        except TypeError as error:
            raise MissingPathError(
                url, self._field, f"a value like {self.value!r}, to compare with", described(value)
            ) from error
        if older and value != self.last:
            return True
        digest = sha256_hex(json_lines(url, [record], sort_keys=True))
        if value == self.value:
            self._border.add(digest)
        elif not older:
            self.value, self._border = value, {digest}
        return value != self.last or digest not in self._last_border
