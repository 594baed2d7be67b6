"""JSON APIs: every answer is kept as it came; the records of all pages of a source become one file of JSON Lines."""

import json
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

from airnub_common import redact_url
from airnub_core.arrival import Arrival, Item
from airnub_core.engine import Engine
from airnub_core.errors import ItemError, MissingPathError, PageError, TooManyPagesError
from airnub_core.network.concurrency import together
from airnub_core.network.hosts import origin_of
from airnub_core.outcome import Kind, Outcome
from airnub_core.sources.paging import first_url, is_sendable, next_url, whole_url
from airnub_core.sources.records import described, json_lines, parse_json, records_at, value_at
from airnub_core.sources.settings import ApiSource, Incremental, Secret

JSON_LINES = "application/x-ndjson"
"""Media type of the files of records."""


async def ingest_apis(engine: Engine, sources: Sequence[ApiSource], secret: Secret) -> list[Outcome]:
    """Ask every API, those of different sources at the same time.

    Args:
        engine: where to.
        sources: what to ask.
        secret: gives the value of a secret by its reference.

    Returns:
        For a source with `records` one outcome, of the file of its records; else one for each answer.

    Raises:
        StoreError: the store cannot be written.
    """
    engine.expect(len(sources))
    # A secret that is missing is an error before anything is asked.
    headers = [_headers(source, secret) for source in sources]
    outcomes = await together(map(_ingest_api, repeat(engine), sources, headers))
    return [outcome for of_source in outcomes for outcome in of_source]


async def _ingest_api(engine: Engine, source: ApiSource, headers: Mapping[str, str]) -> list[Outcome]:
    mark = engine.index.watermark(source.name) if source.incremental else None
    watermark = None if mark is None else json.loads(mark)
    whole = Item(source.name, whole_url(source, watermark), source.network(engine.network), headers)
    pages: list[Arrival] = []
    records: list[Any] = []
    try:
        await _read_pages(engine, source, whole, pages, records)
        newest = _newest(source.incremental, whole.url, records, watermark)
        lines = json_lines(whole.url, records)
    except ItemError as error:
        await engine.settle((), parts=pages)
        return [engine.failure(whole, error)]
    except BaseException:
        # The run is cancelled, or the disk is full: what is whole is not fetched again.
        await engine.settle((), parts=pages)
        raise
    if source.records is None:
        engine.expect(len(pages) - 1)
        return await engine.settle(pages)
    if watermark is not None and not records:
        await engine.settle((), parts=pages)
        return [engine.report(Outcome(source.name, Kind.UNCHANGED, url=whole.url, attempts=pages[0].attempts))]
    collected = engine.keep(whole, lines, f"{source.name}.jsonl", JSON_LINES, pages)
    outcomes = await engine.settle([collected], parts=pages)
    if newest is not None:
        engine.index.move_watermark(source.name, json.dumps(newest))
    return outcomes


async def _read_pages(engine: Engine, source: ApiSource, whole: Item, pages: list[Arrival], records: list[Any]) -> None:
    """Fill `pages` and `records` page by page, so that what came before an error is there."""
    url: str | None = first_url(source, whole.url)
    seen: set[str] = set()
    limit = source.pages.max if source.pages else 1
    while url is not None:
        if len(pages) == limit:
            raise TooManyPagesError(whole.url, limit)
        if url in seen:
            raise PageError(
                whole.url, f"expected a new page after {len(pages)}, found one that was read already: {redact_url(url)}"
            )
        seen.add(url)
        page, content = await engine.read(await engine.get(_page(whole, url)))
        pages.append(page)
        answer = parse_json(url, content)
        if source.records is not None:
            records += records_at(url, answer, source.records)
        url = next_url(source, url, len(pages) - 1, answer, page.headers)


def _page(whole: Item, url: str) -> Item:
    # The next page's URL comes from the answer: another origin's business is none of our secrets.
    headers = whole.headers if origin_of(url) == origin_of(whole.url) else {}
    return Item(whole.source, url, whole.network, headers)


def _headers(source: ApiSource, secret: Secret) -> dict[str, str]:
    headers = {name.lower(): value for name, value in source.headers.items()}
    if source.auth is not None:
        headers[source.auth.header.lower()] = source.auth.prefix + secret(source.auth.block)
    return headers


def _newest(incremental: Incremental | None, url: str, records: list[Any], watermark: Any) -> Any:
    """The largest value of the watermark's field, that of the last success included; `None` where there is none."""
    if incremental is None:
        return None
    newest = watermark
    for record in records:
        value = value_at(url, record, incremental.field)
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not is_sendable(value):
            raise MissingPathError(url, incremental.field, "a text or a number", described(value))
        try:
            newest = value if newest is None else max(newest, value)
        except TypeError as error:
            raise MissingPathError(
                url, incremental.field, f"a value like {newest!r}, to compare with", described(value)
            ) from error
    return newest
