"""Links on pages: a page or a sitemap is read, and what it points at is fetched, or only listed."""

import json
from collections.abc import Sequence
from dataclasses import replace

from airnub_common import redact_url
from airnub_core.arrival import Item
from airnub_core.engine import Engine
from airnub_core.errors import ItemError, PageError
from airnub_core.network.concurrency import together
from airnub_core.network.robots import Robots
from airnub_core.outcome import Outcome
from airnub_core.sources.links import MAX_PAGE_BYTES, Link, links_in_sitemap, links_on_page
from airnub_core.sources.settings import PageSource

MAX_SITEMAPS = 1000
"""Sitemaps that one index of sitemaps may lead to."""


async def ingest_pages(engine: Engine, sources: Sequence[PageSource]) -> list[Outcome]:
    """Read every page, those of different sources at the same time, and fetch what they link to.

    Returns:
        One outcome for each link, or one for the list of links where it is not downloaded; one failure for a page
        that cannot be read.

    Raises:
        StoreError: the store cannot be written.
    """
    outcomes = await together(_ingest_page(engine, source) for source in sources)
    return [outcome for of_source in outcomes for outcome in of_source]


async def _ingest_page(engine: Engine, source: PageSource) -> list[Outcome]:
    page = Item(source.name, source.page or source.sitemap or "", source.network(engine.network))

    async def content_of(url: str) -> bytes:
        return (await engine.peek(replace(page, url=url), MAX_PAGE_BYTES))[0]

    robots = Robots(content_of)
    try:
        if source.links is not None:
            links = await _links(engine, robots, page, source.links)
        else:
            links = await _sitemap_links(engine, robots, page)
    except ItemError as error:
        engine.expect(1)
        return [engine.failure(page, error)]
    if not source.download:
        engine.expect(1)
        listed = [{"url": redact_url(link.url), "title": link.title} for link in links]
        content = (json.dumps(listed, ensure_ascii=False, indent=2) + "\n").encode()
        return await engine.settle([engine.keep(page, content, f"{source.name}.links.json", "application/json", ())])
    allowed: list[Item] = []
    refused: list[Outcome] = []
    for link in links:
        item = replace(page, url=link.url, page=page.url, title=link.title)
        try:
            await robots.check(link.url)
        except ItemError as error:
            engine.expect(1)
            refused.append(engine.failure(item, error))
        else:
            allowed.append(item)
    return [*await engine.ingest(allowed), *refused]


async def _links(engine: Engine, robots: Robots, page: Item, selector: str) -> list[Link]:
    await robots.check(page.url)
    content, headers, final_url = await engine.peek(page, MAX_PAGE_BYTES)
    return links_on_page(final_url, content, headers.get("content-type"), selector)


async def _sitemap_links(engine: Engine, robots: Robots, page: Item) -> list[Link]:
    waiting = [page.url]
    seen = {page.url}
    links: dict[str, Link] = {}
    for url in waiting:
        await robots.check(url)
        content, _, final_url = await engine.peek(replace(page, url=url), MAX_PAGE_BYTES)
        sitemap = links_in_sitemap(final_url, content)
        links |= {link.url: link for link in sitemap.pages}
        # The list grows while it is walked; an index that names itself is not read again.
        waiting += [further for further in sitemap.sitemaps if further not in seen]
        seen.update(sitemap.sitemaps)
        if len(waiting) > MAX_SITEMAPS:
            raise PageError(page.url, f"expected at most {MAX_SITEMAPS:,} sitemaps, found more")
    if not links:
        raise PageError(page.url, "expected a sitemap with URLs, found none")
    return list(links.values())
