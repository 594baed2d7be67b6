"""Links on pages: read a page or a sitemap, and fetch the URLs that it links to, or only list them."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, model_validator

from airnub_common import redact_url
from airnub_core.concurrency import together
from airnub_core.errors import ItemError, PageError
from airnub_core.items import Item
from airnub_core.outcome import Outcome
from airnub_core.sources.base import Listed, Source, Url, with_warnings
from airnub_core.store.layout import derived_url, links_name
from airnub_core.store.manifest import url_digest

if TYPE_CHECKING:
    from airnub_core.engine import Engine
    from airnub_core.http.robots import Robots
    from airnub_core.sources.html import Link

MAX_SITEMAPS = 1000
"""Sitemaps that one index of sitemaps may lead to."""


def _selector(selector: str) -> str:
    from airnub_core.sources.html import check_selector  # it brings a parser of HTML, which files do without

    return check_selector(selector)


class PageSource(Source):
    """Links on a web page, or the URLs of a sitemap."""

    page: Url | None = None
    sitemap: Url | None = None
    links: Annotated[str, AfterValidator(_selector)] | None = None
    """CSS selector of the links on the page."""
    download: bool = True
    """`False`: the list of links is stored, what they point at is not."""

    @model_validator(mode="after")
    def _page_or_sitemap(self) -> Self:
        if (self.page is None) == (self.sitemap is None):
            raise ValueError("expected either page or sitemap")
        if (self.page is None) != (self.links is None):
            raise ValueError("links is the selector of a page: expected it with page, and only there")
        return self


async def ingest_pages(engine: "Engine", sources: Sequence[PageSource]) -> list[Outcome]:
    """Read every page, many at a time, and then fetch what they all link to.

    Returns:
        In the order of the sources: one outcome for each link, or one for the list of links where it is not downloaded;
        one failure for a page that cannot be read. The list of another page that the source had before is warned of.

    Raises:
        StoreError: the store cannot be written.
    """
    read = await together(_read(engine, source) for source in sources)
    items = [one for of_source in read for one in of_source if isinstance(one, Item)]
    # All of them at once: the limits of a host hold for all sources together.
    fetched = iter(await engine.ingest(items) if items else ())
    outcomes = [next(fetched) if isinstance(one, Item) else one for of_source in read for one in of_source]
    lists = {source.name: _listed(source) for source in sources if not source.download}
    return await with_warnings(engine.index, outcomes, lists)


def _listed(source: PageSource) -> Listed:
    """What is current of a page whose links are only listed."""
    list_name = links_name(source.name)
    return Listed({url_digest(derived_url(_url(source), list_name))}, list_name)


def _url(source: PageSource) -> str:
    return source.page or source.sitemap or ""


async def _read(engine: "Engine", source: PageSource) -> Sequence[Item | Outcome]:
    """What a page links to: items to be fetched, and outcomes of what is not."""
    from airnub_core.http.robots import MAX_BYTES, Robots  # parsers of robots.txt, HTML and XML: settings need none

    network = source.network(engine.network)
    page = Item(source.name, _url(source), network, withdraws=source.withdraws)
    list_name = links_name(source.name)
    list_url = derived_url(page.url, list_name)

    async def rules_at(url: str) -> bytes:
        return (await engine.peek(replace(page, url=url), MAX_BYTES, cuts=True)).content

    robots = Robots(rules_at)
    begun = None if source.download else engine.begin(page, list_name)
    try:
        if source.links is not None:
            links = await _links(engine, robots, page, source.links)
        else:
            links = await _sitemap_links(engine, robots, page)
    except ItemError as error:
        engine.expect(1)
        if source.withdraws and source.download:
            # It was not read, so no link is missing on it in two runs in a row.
            engine.index.forget_misses(source.name)
        made = [] if source.download else [list_url]
        return [await engine.give_up(page, error, made, is_its_own=error.url == redact_url(page.url))]
    if begun is not None:
        engine.expect(1)
        listed = [{"url": redact_url(link.url), "title": link.title} for link in links]
        content = (json.dumps(listed, ensure_ascii=False, indent=2) + "\n").encode()
        return await engine.commit([engine.keep(begun, content, "application/json", ())])
    # A page that could not be read failed as a whole.
    whole = engine.wants(page.source, page.url)
    items = [
        replace(page, url=link.url, page=page.url, title=link.title)
        for link in links
        if whole or engine.wants(page.source, link.url)
    ]
    allowed = await together(_allowed(engine, robots, item) for item in items)
    if not source.withdraws:
        return allowed
    named = [url_digest(url) for url in (*(link.url for link in links), list_url)]
    return [*allowed, *await engine.miss(page, named)]


async def _allowed(engine: "Engine", robots: "Robots", item: Item) -> Item | Outcome:
    """The item at the pace that its host asks for, or a failure where the host asks not to fetch it."""
    try:
        await robots.check(item.url)
    except ItemError as error:
        engine.expect(1)
        return await engine.give_up(item, error)
    delay = await robots.delay(item.url)
    if delay is None:
        return item
    rate = min(1 / delay, item.network.requests_per_second_per_host or 1 / delay)
    return replace(item, network=item.network.model_copy(update={"requests_per_second_per_host": rate}))


async def _links(engine: "Engine", robots: "Robots", page: Item, selector: str) -> "list[Link]":
    from airnub_core.sources.html import MAX_PAGE_BYTES, links_on_any_page

    await robots.check(page.url)
    read = await engine.peek(page, MAX_PAGE_BYTES)
    return await links_on_any_page(read.final_url, read.content, read.headers.get("content-type"), selector)


async def _sitemap_links(engine: "Engine", robots: "Robots", page: Item) -> "list[Link]":
    from airnub_core.sources.html import MAX_PAGE_BYTES
    from airnub_core.sources.sitemap import links_in_sitemap

    waiting = [page.url]
    seen = {page.url}
    links: dict[str, Link] = {}
    for url in waiting:
        await robots.check(url)
        read = await engine.peek(replace(page, url=url), MAX_PAGE_BYTES)
        sitemap = await asyncio.to_thread(links_in_sitemap, read.final_url, read.content)
        for link in sitemap.pages:
            links.setdefault(link.url, link)
        # The list grows while it is walked; an index that names itself is not read again.
        waiting += [further for further in sitemap.sitemaps if further not in seen]
        seen.update(sitemap.sitemaps)
        if len(waiting) > MAX_SITEMAPS:
            raise PageError(page.url, f"expected at most {MAX_SITEMAPS:,} sitemaps, found more")
    if not links:
        raise PageError(page.url, "expected a sitemap with URLs, found none")
    return list(links.values())
