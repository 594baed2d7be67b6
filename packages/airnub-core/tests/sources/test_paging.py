"""Paging."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core import ApiSource
from airnub_core.errors import MissingPathError, PageError
from airnub_core.sources.paging import first_url, next_url, whole_url, with_params

URL = "http://h/q"


def api(**settings):
    """A source."""
    return ApiSource(name="s", url=URL, **settings)


@pytest.mark.parametrize(
    ("url", "params", "result"),
    [
        (URL, {}, URL),
        (URL, {"a": 1, "b": True, "c": 1.5, "d": "x y&z"}, f"{URL}?a=1&b=true&c=1.5&d=x%20y%26z"),
        (f"{URL}?a=0&b=&a=2#f", {"a": 1}, f"{URL}?b=&a=1#f"),
        ("http://[::1]:8080/?x=ä", {"y": "ö"}, "http://[::1]:8080/?x=%C3%A4&y=%C3%B6"),
    ],
)
def test_parameters_take_the_place_of_their_namesakes(url, params, result):
    """All others stay."""
    assert with_params(url, params) == result


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))))
def test_any_parameters_can_be_set_twice(params):
    """The second time changes nothing."""
    once = with_params(URL, params)
    assert with_params(once, params) == once


def test_the_watermark_is_a_parameter():
    """Where there is one."""
    source = api(params={"format": "json"}, records="r", incremental={"field": "at", "param": "since"})
    assert whole_url(source) == f"{URL}?format=json"
    assert whole_url(source, 17) == f"{URL}?format=json&since=17"
    assert whole_url(api(), 17) == URL


def walk(source, *answers, headers=({},)):
    """The URLs of all pages, when these answers come."""
    url, urls = first_url(source, whole_url(source)), []
    for number, answer in enumerate(answers):
        if url is None:
            break
        urls.append(url.removeprefix(URL))
        url = next_url(source, url, number, answer, headers[min(number, len(headers) - 1)])
    return urls, url


def test_no_pages():
    """One answer is all."""
    assert walk(api(), {}) == ([""], None)


def test_numbered_pages_up_to_the_first_without_records():
    """Where no size is known."""
    source = api(pages={"kind": "page", "start": 0})
    assert walk(source, [1], [1, 2], []) == (["?page=0", "?page=1", "?page=2"], None)


def test_numbered_pages_up_to_the_first_that_is_not_full():
    """One request less where the size is known."""
    source = api(records="r", pages={"kind": "page", "param": "p", "size_param": "n", "size": 2})
    assert walk(source, {"r": [1, 2]}, {"r": [3]}) == (["?p=1&n=2", "?n=2&p=2"], None)


def test_offset_pages():
    """Up to the first page with fewer records than the limit."""
    source = api(pages={"kind": "offset", "start": 1, "limit": 2})
    assert walk(source, [1, 2], [3, 4], []) == (["?offset=1&limit=2", "?limit=2&offset=3", "?limit=2&offset=5"], None)


@pytest.mark.parametrize("last", [None, "", False])
def test_cursor_pages(last):
    """A cursor is a text or a number; the last page has none."""
    source = api(pages={"kind": "cursor", "next": "meta.next"})
    answers = [{"meta": {"next": "a&b"}}, {"meta": {"next": 7}}, {"meta": {"next": last}}]
    assert walk(source, *answers) == (["", "?cursor=a%26b", "?cursor=7"], None)


@pytest.mark.parametrize("cursor", [{}, [], 1.5, "\ud83d"])
def test_a_cursor_that_is_none_is_an_error(cursor):
    """An object, a list, half a character."""
    source = api(pages={"kind": "cursor", "next": "next"})
    with pytest.raises(MissingPathError, match="expected a cursor"):
        next_url(source, URL, 0, {"next": cursor}, {})


def test_a_missing_cursor_is_an_error():
    """It is no last page."""
    with pytest.raises(MissingPathError):
        next_url(api(pages={"kind": "cursor", "next": "next"}), URL, 0, {}, {})


@pytest.mark.parametrize("answer", [{}, {"r": None}])
@pytest.mark.parametrize("pages", [{"kind": "page"}, {"kind": "offset"}])
def test_pages_without_records_are_an_error(answer, pages):
    """Nobody can say whether there are more."""
    with pytest.raises(MissingPathError):
        next_url(api(records="r", pages=pages), URL, 0, answer, {})


@pytest.mark.parametrize(
    ("link", "following"),
    [
        ('<http://h/q?page=2>; rel="next"', "http://h/q?page=2"),
        ('<?page=2>; rel="next"', "http://h/q?page=2"),
        ("</r>; rel=next", "http://h/r"),
        ('<?p=9>; rel="last", <?p=2>; rel="next", <?p=0>; rel="prev"', "http://h/q?p=2"),
        ('<?p=2>; rel="Next last"; title="x"', "http://h/q?p=2"),
        ('<ftp://h/x>; rel="next"', "ftp://h/x"),
        ('<?p=9>; rel="last"', None),
        ("", None),
        ("nonsense", None),
        ("<>;;;=", None),
    ],
)
def test_link_pages(link, following):
    """RFC 8288; relative targets start from the page."""
    assert next_url(api(pages={"kind": "link"}), URL, 0, {}, {"link": link, "x-other": "größer"}) == following
    assert next_url(api(pages={"kind": "link"}), URL, 0, {}, {}) is None


def test_a_link_that_cannot_be_read_is_an_error():
    """Not one of the URL library's."""
    with pytest.raises(PageError, match="Link header"):
        next_url(api(pages={"kind": "link"}), URL, 0, {}, {"link": '<http://[bad/>; rel="next"'})


@given(st.text())
def test_any_link_header_is_read(link):
    """It is a URL, none, or an error of ours."""
    try:
        following = next_url(api(pages={"kind": "link"}), URL, 0, {}, {"link": link})
    except PageError:
        return
    assert following is None or isinstance(following, str)
