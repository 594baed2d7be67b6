"""Links on pages: read a page or a sitemap, and fetch the URLs that it links to, or only list them.

The parsers of HTML, XML and robots.txt are imported at use, since settings do not need them.
"""

import asyncio
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Self

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
"""Most sitemaps that one sitemap index may list."""


def _selector(selector: str) -> str:
    from airnub_core.sources.html import check_selector

    return check_selector(selector)


class PageSource(Source):
    """Links on a web page, or the URLs of a sitemap."""

    page: Url | None = None
    sitemap: Url | None = None
    links: Annotated[str, AfterValidator(_selector)] | None = None
    """CSS selector of the links on the page."""
    download: bool = True
    """Whether to fetch the linked files; `False` stores only the list of links."""

    @model_validator(mode="after")
    def _page_or_sitemap(self) -> Self:
        if (self.page is None) == (self.sitemap is None):
            raise ValueError("expected either page or sitemap")
        if (self.page is None) != (self.links is None):
            raise ValueError("expected links, the CSS selector, with page and only with it")
        return self


async def ingest_pages(engine: "Engine", sources: Sequence[PageSource]) -> list[Outcome]:
    """Read all pages concurrently, then fetch the files that they link to.

    Returns:
        In the order of the sources: one outcome for each link, or one for the list of links if `download` is off; one
        failure for a page that cannot be read. A warning names the current list of a former page of the source.

    Raises:
        StoreError: the store cannot be written.
    """
    read = await together(_read(engine, source) for source in sources)
    items = [one for of_source in read for one in of_source if isinstance(one, Item)]
    # In one call, since the limits of a host apply to all sources together.
    fetched = iter(await engine.ingest(items) if items else ())
    outcomes = [next(fetched) if isinstance(one, Item) else one for of_source in read for one in of_source]
    lists = {source.name: _listed(source) for source in sources if not source.download}
    return await with_warnings(engine.index, outcomes, lists)


def _listed(source: PageSource) -> Listed:
    """Return the URLs of a page whose links are only listed."""
    list_name = links_name(source.name)
    return Listed({url_digest(derived_url(_url(source), list_name))}, list_name)


def _url(source: PageSource) -> str:
    return source.page or source.sitemap or ""


async def _read(engine: "Engine", source: PageSource) -> Sequence[Item | Outcome]:
    """Return the links of a page: items to fetch, and outcomes of links that are not fetched."""
    from airnub_core.http.robots import MAX_BYTES, Robots

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
            # A page that was not read cannot lack a link in two consecutive runs.
            engine.index.forget_misses(source.name)
        made = [] if source.download else [list_url]
        return [await engine.give_up(page, error, made, is_its_own=error.url == redact_url(page.url))]
    if begun is not None:
        engine.expect(1)
        listed = [{"url": redact_url(link.url), "title": link.title} for link in links]
        content = (json.dumps(listed, ensure_ascii=False, indent=2) + "\n").encode()
        return await engine.commit([engine.keep(begun, content, "application/json", ())])
    # A page that could not be read is one failure.
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
    """Return the item with the Crawl-delay of its host, or a failure if robots.txt disallows it."""
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

    waiting = [page.url]
    seen = {page.url}
    links: dict[str, Link] = {}
    for url in waiting:
        await robots.check(url)
        read = await engine.peek(replace(page, url=url), MAX_PAGE_BYTES)
        found, sitemaps = await asyncio.to_thread(links_in_sitemap, read.final_url, read.content)
        for link in found:
            links.setdefault(link.url, link)
        # The list grows during the iteration; a sitemap index that lists itself is not read again.
        waiting += [further for further in sitemaps if further not in seen]
        seen.update(sitemaps)
        if len(waiting) > MAX_SITEMAPS:
            raise PageError(page.url, f"expected at most {MAX_SITEMAPS:,} sitemaps, found more")
    if not links:
        raise PageError(page.url, "expected a sitemap with URLs, found none")
    return list(links.values())


def links_in_sitemap(url: str, content: bytes) -> "tuple[list[Link], list[str]]":
    """Return the URLs in a sitemap: XML, a sitemap index, RSS, Atom, or text with one URL per line; also gzipped.

    https://www.sitemaps.org/protocol.html

    Returns:
        The URLs of pages, and the URLs of sitemaps that a sitemap index lists.

    Raises:
        PageError: the document is not a sitemap, or larger than the protocol allows.
    """
    from xml.etree.ElementTree import ParseError  # only for the error

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    content = _gunzipped(url, content)
    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        lines = _lines_of_urls(content)
        if lines is None:
            raise PageError(url, f"expected a sitemap, found invalid XML: {error}") from error
        return _each_once(url, ((line, None) for line in lines)), []
    kind = _local(root)
    match kind:
        case "urlset" | "sitemapindex":
            found = _each_once(url, ((one.text, None) for entry in root for one in entry if _local(one) == "loc"))
            return ([], [link.url for link in found]) if kind == "sitemapindex" else (found, [])
        case "rss" | "RDF" | "feed":
            return _each_once(url, (_entry(one) for one in root.iter() if _local(one) in {"item", "entry"})), []
    raise PageError(url, f"expected a sitemap with <urlset>, <sitemapindex>, <rss> or <feed>, found <{kind}>")


def _local(element: Any) -> str:
    """Return the name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def _entry(entry: Any) -> tuple[str | None, str | None]:
    """Return the link and the title of an RSS or Atom entry."""
    target = title = None
    for element in entry:
        if _local(element) == "title":
            title = "".join(element.itertext())
        elif _local(element) == "link" and target is None and element.get("rel", "alternate") == "alternate":
            target = element.get("href") or element.text
    return target, title


def _each_once(base: str, found: Iterable[tuple[str | None, str | None]]) -> "list[Link]":
    from airnub_core.sources.html import Link, resolved, short_title

    links: dict[str, Link] = {}
    for target, title in found:
        absolute = resolved(base, target)
        if absolute is not None and absolute not in links:
            links[absolute] = Link(absolute, short_title(title or ""))
    return list(links.values())


def _lines_of_urls(content: bytes) -> list[str] | None:
    """Return the lines of a text that consists of absolute http(s) URLs only."""
    try:
        lines = [line.strip() for line in content.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        return None
    urls = [line for line in lines if line]
    return urls if urls and all(line.lower().startswith(("http://", "https://")) for line in urls) else None


def _gunzipped(url: str, content: bytes) -> bytes:
    from airnub_core.sources.html import MAX_PAGE_BYTES

    if not content.startswith(b"\x1f\x8b"):
        return content
    pieces, size = [], 0
    while content:
        inflater = zlib.decompressobj(wbits=31)
        try:
            pieces.append(inflater.decompress(content, MAX_PAGE_BYTES - size + 1))
        except zlib.error as error:
            raise PageError(url, f"expected a sitemap compressed with gzip, found: {error}") from error
        size += len(pieces[-1])
        if size > MAX_PAGE_BYTES:
            raise PageError(url, f"expected a sitemap of at most {MAX_PAGE_BYTES:,} bytes, found more")
        if not inflater.eof:
            raise PageError(url, "expected a sitemap compressed with gzip, found a truncated one")
        # A gzip file may have several members, and trailing zeros.
        content = inflater.unused_data.lstrip(b"\0")
    return b"".join(pieces)
