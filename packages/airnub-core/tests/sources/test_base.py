"""What all kinds of source have: their settings, and warnings of URLs that the settings do not list any more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from airnub_common import is_masked_name, is_reserved_name
from airnub_core import (
    ApiSource,
    Auth,
    CursorPages,
    FileSource,
    Incremental,
    LinkPages,
    NumberedPages,
    OffsetPages,
    PageSource,
    reindex,
)
from airnub_core.http.settings import NetworkSettings
from airnub_core.sample_site import Reply
from airnub_core.store.clock import elapsed, timestamp
from airnub_core.store.factory import open_store
from airnub_core.store.layout import SOURCE_PATTERN
from airnub_core.store.manifest import url_digest
from airnub_core.store.withdrawal import Withdrawal, withdraw

URL = "https://example.org/a"
TEXT = st.text(st.characters(codec="utf-8"))
PARAMS = TEXT | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
PATHS = st.lists(st.text("abc_0", min_size=1), min_size=1).map(".".join)
NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", fullmatch=True).filter(
    lambda name: not is_reserved_name(name)
)
POSITIVE = st.integers(1, 10**6)
PAGES = (
    st.builds(
        NumberedPages,
        kind=st.just("page"),
        start=st.integers(0, 5),
        size=st.none() | POSITIVE,
        max=POSITIVE,
        total=st.none() | PATHS,
    )
    | st.builds(OffsetPages, kind=st.just("offset"), limit=POSITIVE, max=POSITIVE)
    | st.builds(CursorPages, kind=st.just("cursor"), next=PATHS, optional=st.booleans())
    | st.builds(LinkPages, kind=st.just("link"))
)
SOURCES = (
    st.builds(FileSource, name=NAMES, urls=st.lists(st.just(URL), min_size=1), urls_file=st.none() | TEXT)
    | st.builds(
        PageSource, name=NAMES, page=st.just(URL), links=st.just("a[href]"), sitemap=st.none(), download=st.booleans()
    )
    | st.builds(
        ApiSource,
        name=NAMES,
        url=st.just(URL),
        # Values of such names are masked on their way to JSON.
        params=st.dictionaries(TEXT.filter(lambda name: not is_masked_name(name)), PARAMS),
        headers=st.dictionaries(
            st.sampled_from(["Accept", "X-A"]), st.text(st.characters(codec="ascii", categories=["L", "N"]))
        ),
        auth=st.none()
        | st.builds(Auth, block=st.just("secret/a-b"), header=st.just("X-Key"), prefix=st.just("Bearer ")),
        records=PATHS,
        pages=st.none() | PAGES,
        incremental=st.none() | st.builds(Incremental, field=PATHS, param=TEXT),
        allow_private_hosts=st.none() | st.booleans() | st.lists(st.sampled_from(["localhost", "10.0.0.0/8"])),
    )
)


@given(SOURCES)
def test_sources_survive_a_round_trip_through_json(source):
    """What a Variable holds is what was written into it, types of parameters included."""
    again = TypeAdapter(type(source)).validate_json(source.model_dump_json())
    assert again == source
    if isinstance(source, ApiSource):
        assert list(map(type, again.params.values())) == list(map(type, source.params.values()))


@given(source=SOURCES, key=st.text(min_size=1), value=st.none() | st.integers() | TEXT)
def test_an_unknown_key_is_always_an_error(source, key, value):
    """At the top and in every part; the message names it."""
    kind = type(source)
    written = source.model_dump()
    parts = [(written, kind)] + [
        (part, type(getattr(source, name)))
        for name, part in written.items()
        if isinstance(part, dict) and isinstance(getattr(source, name), BaseModel)
    ]
    for part, model in parts:
        if key in model.model_fields:
            continue
        part[key] = value
        with pytest.raises(ValidationError) as error:
            kind.model_validate(written)
        assert any(one["type"] == "extra_forbidden" and one["loc"][-1] == key for one in error.value.errors())
        del part[key]
    assert kind.model_validate(written) == source


@given(
    secret=st.text("ghijkmnpqrvwxyz0123456789", min_size=12, max_size=30),
    name=st.sampled_from(
        ["token", "api_key", "X-Api-Key", "sig", "Authorization", "password", "access_token", "cookie"]
    ),
    user=st.text("abc", max_size=3),
    as_query=st.booleans(),
)
def test_no_secret_of_settings_is_in_their_json(secret, name, user, as_query):
    """Wherever somebody wrote it: URLs, parameters, headers; in this process it is whole."""
    url = f"https://example.org/a?{name}={secret}&page=2" if as_query else f"https://{user}:{secret}@example.org/a"
    written = [
        FileSource(name="s", urls=[URL, url]),
        PageSource(name="s", page=url, links="a"),
        PageSource(name="s", sitemap=url),
        ApiSource(name="s", url=url, params={name: secret, "page": 1}, headers={name: secret, "Accept": "text/csv"}),
    ]
    for source in written:
        assert secret in repr(source.model_dump())
        assert secret not in source.model_dump_json()
        assert secret not in repr(source.model_dump(mode="json"))
        assert type(source).model_validate_json(source.model_dump_json()).name == "s"


@pytest.mark.parametrize(
    "url", ["https://example.org", "http://[::1]:8080/x?y#z", "HTTPS://me:pw@example.org/", "http://köln.de/ä"]
)
def test_urls(url):
    """Http and https, with a host."""
    assert FileSource(name="s", urls=[url]).urls == [url]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org/",
        "https://",
        "file:///etc/passwd",
        "https://[bad/",
        "http://h/a b",
        "http://h/\n",
        "javascript:alert(1)",
        "http://h/\ud800",
    ],
)
def test_what_is_no_url_is_refused(url):
    """Before anything is asked."""
    with pytest.raises(ValidationError, match="expected an http or https URL with a host"):
        FileSource(name="s", urls=[url])


@pytest.mark.parametrize("port", ["0", "00", "65536", "99999", "-1", "x"])
def test_a_port_that_does_not_exist_is_named(port):
    """The message is about the port; the scheme and the host of the URL are fine."""
    with pytest.raises(ValidationError, match="expected an http or https URL with a port from 1 to 65535"):
        FileSource(name="s", urls=[f"http://h:{port}/"])


@pytest.mark.parametrize("name", ["..", ".airnub", "a/b", "x\ny", "a\n", "CON", "com1.csv"])
def test_names_that_are_no_folders_are_refused(name):
    """A source becomes a folder of the store; `store.layout` has the rule."""
    with pytest.raises(ValidationError, match="expected the name of a source"):
        FileSource(name=name, urls=[URL])


def test_a_form_knows_the_rule_of_names():
    """The schema of the settings has the pattern, so that a form can check it."""
    assert FileSource.model_json_schema()["properties"]["name"]["pattern"] == SOURCE_PATTERN


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"url": URL, "recrods": "a"},
        {"url": URL, "records": "a..b"},
        {"url": URL, "records": ""},
        {"url": URL, "incremental": {"field": "a", "param": "b"}},
        {"url": URL, "pages": {"kind": "pages"}},
        {"url": URL, "pages": {"kind": "offset", "limit": 0}},
        {"url": URL, "pages": {"kind": "cursor"}},
        {"url": URL, "pages": {"kind": "link", "max": 0}},
        {"url": URL, "auth": {"block": "usgs-token"}},
        {"url": URL, "auth": {"block": "secret/x", "header": "X Y"}},
        {"url": URL, "auth": {"block": "secret/x", "header": "X\r\nY"}},
        {"url": URL, "auth": {"block": "secret/x", "prefix": "ä"}},
        {"url": URL, "headers": {"X-A": "a\r\nX-B: b"}},
        {"url": URL, "headers": {"": "a"}},
        {"url": URL, "params": {"a": float("inf")}},
        {"url": URL, "params": {"a": None}},
    ],
)
def test_wrong_apis_are_refused(wrong):
    """Unknown keys, paths that lead nowhere, headers that nobody could send."""
    with pytest.raises(ValidationError):
        ApiSource(name="s", **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"page": URL},
        {"links": "a"},
        {"page": URL, "sitemap": URL, "links": "a"},
        {"sitemap": URL, "links": "a"},
        {"page": URL, "links": "a["},
        {"page": URL, "links": ""},
    ],
)
def test_wrong_pages_are_refused(wrong):
    """Either a page with a selector, or a sitemap without."""
    with pytest.raises(ValidationError):
        PageSource(name="s", **wrong)


def test_a_sitemap_needs_no_selector():
    """It lists what it lists."""
    assert PageSource(name="s", sitemap=URL).download


def test_credentials_in_settings_are_not_in_their_json():
    """Prefect writes settings into its database as JSON; in this process they are whole."""
    source = ApiSource(
        name="s",
        url="https://me:hunter2@example.org/?token=hunter2",
        params={"api_key": "hunter2", "page": 1},
        headers={"Authorization": "hunter2", "Accept": "text/csv"},
    )
    assert "hunter2" not in source.model_dump_json()
    assert source.model_dump(mode="json")["params"] == {"api_key": "***", "page": 1}
    assert source.model_dump()["headers"] == {"Authorization": "hunter2", "Accept": "text/csv"}


def test_a_source_overrides_the_network_of_its_department():
    """Any key of it."""
    source = FileSource(name="s", urls=[URL], max_bytes="1MB", allow_private_hosts=True)
    assert source.network(NetworkSettings()) == NetworkSettings(max_bytes=10**6, allow_private_hosts=True)


@pytest.fixture
def warnings(run, tmp_path):
    """Run sources into one store; the warnings of their outcomes."""
    return lambda *sources: [one.warning for one in run(*sources, root=tmp_path / "store")]


def warning(which, *urls):
    return (
        f"the settings do not list {which} of s any more; current in the store: {', '.join(urls)}; "
        "`store forget URL` withdraws one"
    )


def test_a_file_that_is_not_listed_any_more(warnings, tmp_path, site):
    """It is named by the first outcome of its source, until it is listed again or withdrawn."""
    urls = [site.url(f"/{name}") for name in "abc"]
    site.routes |= {f"/{name}": Reply(name.encode()) for name in "abc"}
    other = FileSource(name="t", urls=urls[:1])
    assert warnings(FileSource(name="s", urls=urls), other) == [None] * 4
    fewer = FileSource(name="s", urls=urls[1:])
    assert warnings(other, fewer) == [None, warning("1 URL", urls[0]), None]
    assert warnings(FileSource(name="s", urls=urls)) == [None] * 3
    with open_store(tmp_path / "store") as (store, index):
        now = timestamp(elapsed() + index.clock())
        assert withdraw(store, index, [Withdrawal("s", url_digest(urls[0]), urls[0], now, "store forget")]) == [True]
    assert warnings(fewer) == [None, None]


def test_two_sources_of_one_name_list_together(warnings, site):
    """What one of them lists is not missing in the other."""
    site.routes |= {"/a": Reply(b"a"), "/b": Reply(b"b")}
    sources = [FileSource(name="s", urls=[site.url(path)]) for path in ("/a", "/b")]
    assert [warnings(*sources) for _ in range(2)] == [[None, None]] * 2


def test_of_many_urls_the_first_are_named(warnings, site):
    """And their number is."""
    site.routes |= {f"/{number}": Reply(b"%d" % number) for number in range(9)}
    urls = [site.url(f"/{number}") for number in range(9)]
    warnings(FileSource(name="s", urls=urls))
    assert warnings(FileSource(name="s", urls=urls[:1])) == [warning("8 URLs", *urls[1:5], f"{urls[5]} and 3 more")]


def test_a_listed_url_that_fails_hides_none(warnings, site):
    """What is current is counted; a file that failed this time is current as well."""
    site.routes |= {f"/{name}": Reply(name.encode()) for name in "abc"}
    urls = [site.url(f"/{name}") for name in "abc"]
    warnings(FileSource(name="s", urls=urls))
    del site.routes["/b"]
    assert warnings(FileSource(name="s", urls=urls)) == [None] * 3
    assert warnings(FileSource(name="s", urls=urls[1:])) == [warning("1 URL", urls[0]), None]


@pytest.mark.parametrize("records", ["items", None])
def test_an_api_whose_url_was_changed(warnings, site, records):
    """What came from both is current; the URL before is named, once and without a fragment."""
    site.routes["/api"] = Reply(b'{"items": [{"id": 1}]}')
    sources = [ApiSource(name="s", url=site.url("/api"), params={"days": days}, records=records) for days in (1, 2)]
    assert warnings(sources[0]) == [None]
    assert [warnings(sources[1]) for _ in range(2)] == [[warning("1 URL", site.url("/api?days=1"))]] * 2


def test_an_api_whose_urls_come_from_its_answers(warnings, site):
    """Of an incremental one each run asks for another URL, and each page has its own: none of them was listed."""

    def answer(asked):
        return Reply(b'{"items": [{"id": 2}]}' if asked.params else b'{"items": [{"id": 1}]}')

    site.routes["/api"] = answer
    incremental = ApiSource(
        name="s", url=site.url("/api"), records="items", incremental={"field": "id", "param": "since"}
    )
    assert [warnings(incremental) for _ in range(3)] == [[None]] * 3
    site.routes["/pages"] = lambda asked: Reply(b'{"next": null}' if asked.params else b'{"next": "2"}')
    pages = {"kind": "cursor", "param": "cursor", "next": "next"}
    assert warnings(ApiSource(name="p", url=site.url("/pages"), pages=pages)) == [None, None]


def test_a_list_of_links_whose_page_was_changed(warnings, tmp_path, site):
    """The list of the page before is current as well; its URL is named, also with a new index."""
    site.routes |= {"/old": Reply(b"<a href=a>"), "/new": Reply(b"<a href=b>")}
    old, new = (PageSource(name="s", page=site.url(path), links="a", download=False) for path in ("/old", "/new"))
    assert warnings(old) == [None]
    assert warnings(new) == [warning("1 URL", site.url("/old"))]
    reindex(tmp_path / "store")
    assert warnings(new) == [warning("1 URL", site.url("/old"))]
