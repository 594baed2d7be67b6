"""Source settings."""

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from airnub_common import is_masked_name, is_reserved_name
from airnub_core.http.settings import NetworkSettings
from airnub_core.sources.settings import (
    MAX_URLS_FILE,
    ApiSource,
    Auth,
    CursorPages,
    FileSource,
    Incremental,
    LinkPages,
    NumberedPages,
    OffsetPages,
    PageSource,
)
from airnub_core.store.layout import SOURCE_PATTERN

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
    | st.builds(CursorPages, kind=st.just("cursor"), next=PATHS)
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
    """A source becomes a folder of the store; `store.source_name` has the rule."""
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


def test_files_without_urls_are_refused():
    """Nothing to fetch is a mistake."""
    with pytest.raises(ValidationError, match="expected urls or urls_file, found neither"):
        FileSource(name="s")


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_urls_of_a_file(tmp_path, start):
    """One a line behind those of the settings; comments and empty lines are left out, as is a byte order mark."""
    (tmp_path / "urls.txt").write_text(f"{start}{URL}/1\n\n# comment\n  {URL}/2#part  # why\r\n", encoding="utf-8")
    source = FileSource(name="s", urls=[URL], urls_file="urls.txt").with_urls_from(tmp_path)
    assert source.urls == [URL, f"{URL}/1", f"{URL}/2#part"]
    assert source.urls_file is None
    assert source.with_urls_from(tmp_path) is source


def test_a_line_that_is_no_url_is_named(tmp_path):
    """With file and line, and without what it says: it may be the wrong file."""
    (tmp_path / "urls.txt").write_text(f"{URL}\nhunter2\n")
    with pytest.raises(ValueError, match=r"urls\.txt:2: expected an http or https URL with a host") as error:
        FileSource(name="s", urls_file="urls.txt").with_urls_from(tmp_path)
    assert_hidden(error.value, "hunter2")


def test_a_file_that_is_missing_is_named(tmp_path):
    """With the source that names it."""
    with pytest.raises(ValueError, match=r"s: urls_file urls\.txt cannot be read: No such file"):
        FileSource(name="s", urls_file="urls.txt").with_urls_from(tmp_path)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    """No byte of it is shown."""
    (tmp_path / "urls.txt").write_bytes(b"\xff\xfehunter2")
    with pytest.raises(ValueError, match=r"s: urls_file urls\.txt: expected text in UTF-8") as error:
        FileSource(name="s", urls_file="urls.txt").with_urls_from(tmp_path)
    assert_hidden(error.value, "0xff", "hunter2")


@pytest.mark.parametrize("named", ["../secret", "{outside}", "link", "urls/../../secret", "folder/secret"])
def test_a_file_outside_of_the_package_is_not_read(tmp_path, named):
    """However it is named: a Variable and the parameter of a flow can name any file of the machine."""
    package = tmp_path / "package"
    package.mkdir()
    (tmp_path / "secret").write_text("hunter2\n")
    (package / "link").symlink_to(tmp_path / "secret")
    (package / "folder").symlink_to(tmp_path)
    source = FileSource(name="s", urls_file=named.format(outside=tmp_path / "secret"))
    with pytest.raises(ValueError, match="expected a file in the folder of the package") as error:
        source.with_urls_from(package)
    assert_hidden(error.value, "hunter2")


def test_a_file_that_is_too_large_is_refused(tmp_path):
    """And not read to its end."""
    with (tmp_path / "urls.txt").open("wb") as file:
        file.truncate(MAX_URLS_FILE + 1)
    with pytest.raises(ValueError, match="expected a file of at most 67,108,864 bytes"):
        FileSource(name="s", urls_file="urls.txt").with_urls_from(tmp_path)


def assert_hidden(error, *hidden):
    """Neither the message nor what caused it shows what the file says."""
    shown = "".join(traceback.format_exception(error))
    assert not [one for one in hidden if one in shown]


def test_a_file_without_urls_is_an_error(tmp_path):
    """A run never goes on with nothing."""
    (tmp_path / "urls.txt").write_text("# none yet\n")
    with pytest.raises(ValueError, match="expected at least one URL, found none"):
        FileSource(name="s", urls_file="urls.txt").with_urls_from(tmp_path)


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
