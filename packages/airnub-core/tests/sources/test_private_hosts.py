"""Private hosts that APIs and pages lead to: cursors, links, sitemaps and robots.txt are judged as the first URL is."""

import pytest

from airnub_core import ApiSource, CursorPages, LinkPages, PageSource, Status
from airnub_core.errors import RefusedAddressError

HTML = {"Content-Type": "text/html"}
METADATA = "http://169.254.169.254/latest/meta-data/"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """The machine's own proxy is none of these tests' business."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def near(serve):
    """A server on 127.0.0.1, without a robots.txt."""
    return serve(host="127.0.0.1")


@pytest.fixture
def far(serve):
    """A server on 127.0.0.2, another private host, that has whatever is asked for."""
    try:
        server = serve(host="127.0.0.2")
    except OSError:
        pytest.skip("only one address of loopback here")
    server.behaviours |= {"file": lambda talk: talk.answer(body=b"file"), "rows": answer(b'{"rows": [{"a": 2}]}')}
    return server


def answer(body, status=200, headers=()):
    """A behaviour: always this answer."""
    return lambda talk: talk.answer(status, dict(headers), body)


def refused(outcome):
    """Whether it was refused, and not asked for."""
    assert outcome.kind is Status.FAILED
    assert isinstance(outcome.error, RefusedAddressError), repr(outcome.error)
    return outcome.error


@pytest.mark.parametrize("allowed", [["127.0.0.1"], ["127.0.0.0/31"]])
def test_a_cursor_to_another_private_host(near, far, run, allowed):
    """It needs an entry of its own; the page before is kept, and the other host is not asked."""
    near.behaviours["rows"] = answer(b'{"rows": [{"a": 1}], "next": "%s"}' % far.url("rows").encode())
    source = ApiSource(
        name="api",
        url=near.url("rows"),
        records="rows",
        pages=CursorPages(kind="cursor", next="next"),
        allow_private_hosts=allowed,
    )
    [*_, last] = run(source)
    assert refused(last).host == "127.0.0.2"
    assert far.accepted == 0


def test_a_next_page_in_a_header_to_another_private_host(near, far, run):
    """As a cursor in the answer; with an entry it is asked."""
    header = {"Link": f'<{far.url("rows")}>; rel="next"'}
    near.behaviours["rows"] = answer(b'{"rows": [{"a": 1}]}', headers=header)
    wanted = {"name": "api", "url": near.url("rows"), "records": "rows", "pages": LinkPages(kind="link")}
    [*_, last] = run(ApiSource(**wanted, allow_private_hosts=["127.0.0.1"]))
    assert refused(last).host == "127.0.0.2"
    assert far.accepted == 0
    [stored] = run(ApiSource(**wanted, allow_private_hosts=["127.0.0.1", "127.0.0.2"]))
    assert stored.kind is Status.STORED


@pytest.mark.parametrize("allowed", [True, ["127.0.0.0/8", "0.0.0.0/0"]])
def test_nothing_leads_to_a_metadata_service(near, run, allowed):
    """Neither a cursor nor a redirect of an API, a link on a page, a sitemap, or a redirect of robots.txt."""
    near.behaviours |= {
        "rows": answer(b'{"rows": [{"a": 1}], "next": "%s"}' % METADATA.encode()),
        "away": answer(b"", 302, {"Location": METADATA}),
        "page": answer(f'<a href="{METADATA}">x</a>'.encode(), headers=HTML),
        "index.xml": answer(f"<sitemapindex><sitemap><loc>{METADATA}</loc></sitemap></sitemapindex>".encode()),
    }
    cursor = CursorPages(kind="cursor", next="next")
    apis = [
        ApiSource(name="cursor", url=near.url("rows"), records="rows", pages=cursor, allow_private_hosts=allowed),
        ApiSource(name="redirect", url=near.url("away"), allow_private_hosts=allowed),
    ]
    pages = [
        PageSource(name="page", page=near.url("page"), links="a", allow_private_hosts=allowed),
        PageSource(name="sitemap", sitemap=near.url("index.xml"), allow_private_hosts=allowed),
    ]
    for outcomes in (run(*apis), run(*pages)):
        failed = [outcome for outcome in outcomes if outcome.kind is Status.FAILED]
        assert len(failed) == 2
        assert all("always blocked" in str(refused(outcome)) for outcome in failed)
    near.behaviours["robots.txt"] = answer(b"", 302, {"Location": METADATA})
    [outcome] = run(pages[0])
    assert "always blocked" in str(refused(outcome))


def test_links_to_another_private_host(near, far, run):
    """The link that has an entry is fetched, the other one fails, and its host is not even asked for robots.txt."""
    page = f'<a href="{near.url("told")}">near</a><a href="{far.url("file")}">far</a>'
    near.behaviours["page"] = answer(page.encode(), headers=HTML)
    wanted = {"name": "page", "page": near.url("page"), "links": "a"}
    first, second = run(PageSource(**wanted, allow_private_hosts=["127.0.0.1"]))
    assert first.kind is Status.STORED
    assert refused(second).host == "127.0.0.2"
    assert far.accepted == 0
    _, second = run(PageSource(**wanted, allow_private_hosts=["127.0.0.1", "127.0.0.2"]))
    assert second.kind is Status.STORED


def test_a_sitemap_on_another_private_host(near, far, run):
    """It is not read."""
    index = f"<sitemapindex><sitemap><loc>{far.url('sitemap.xml')}</loc></sitemap></sitemapindex>"
    near.behaviours["index.xml"] = answer(index.encode())
    [outcome] = run(PageSource(name="page", sitemap=near.url("index.xml"), allow_private_hosts=["127.0.0.1"]))
    assert refused(outcome).host == "127.0.0.2"
    assert far.accepted == 0
