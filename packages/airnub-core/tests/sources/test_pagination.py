"""Paging."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core import ApiSource
from airnub_core.errors import HttpStatusError, MissingPathError, PageError, TooManyPagesError
from airnub_core.sources.pagination import Paginator, whole_url, with_params

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
    """The URLs of all pages, when these answers come, and the one that would be next."""
    way, urls = Paginator(source, whole_url(source)), []
    for number, answer in enumerate(answers):
        if way.url is None:
            break
        urls.append(way.url.removeprefix(URL))
        way.advance(answer, headers[min(number, len(headers) - 1)])
    return urls, way.url


def behind(source, answer, headers=None):
    """The URL of the page behind the first."""
    return walk(source, answer, headers=[headers or {}])[1]


def test_no_pages():
    """One answer is all."""
    assert walk(api(), {}) == ([""], None)


def test_numbered_pages_up_to_the_first_without_records():
    """Also where the size is known: servers give fewer records than they are asked for."""
    source = api(pages={"kind": "page", "start": 0})
    assert walk(source, [1], [1, 2], []) == (["?page=0", "?page=1", "?page=2"], None)
    source = api(records="r", pages={"kind": "page", "param": "p", "size_param": "n", "size": 2})
    assert walk(source, {"r": [1]}, {"r": [3]}, {"r": []}) == (["?p=1&n=2", "?n=2&p=2", "?n=2&p=3"], None)


def test_offset_pages_go_on_by_what_came():
    """A server that gives two records where three are asked for loses none."""
    source = api(pages={"kind": "offset", "start": 1, "limit": 3})
    urls = ["?offset=1&limit=3", "?limit=3&offset=3", "?limit=3&offset=6"]
    assert walk(source, [1, 2], [3, 4, 5], []) == (urls, None)


@pytest.mark.parametrize("total", [3, "3", 2])
@pytest.mark.parametrize("pages", [{"kind": "page"}, {"kind": "offset"}])
def test_the_total_says_where_the_last_page_is(total, pages):
    """One request less."""
    source = api(records="r", pages={**pages, "total": "meta.total"})
    urls, following = walk(source, *({"r": records, "meta": {"total": total}} for records in ([1, 2], [3])))
    assert following is None
    assert len(urls) == (1 if total == 2 else 2)


@pytest.mark.parametrize("total", [None, -1, 1.5, True, "many", [], {}])
def test_a_total_that_is_none_is_an_error(total):
    """It was named to be relied upon."""
    with pytest.raises(MissingPathError, match="expected a number of records"):
        behind(api(records="r", pages={"kind": "page", "total": "t"}), {"r": [1], "t": total})


@pytest.mark.parametrize("pages", [{"kind": "page"}, {"kind": "offset"}])
def test_the_same_records_again_are_an_error(pages):
    """No progress is no end."""
    with pytest.raises(PageError, match="found those of the previous page again"):
        walk(api(pages=pages), [1, 2], [1, 2])


@pytest.mark.parametrize(
    ("counts", "size", "status", "over"),
    [
        ([3], 5, 404, True),
        ([3], 3, 404, False),
        ([3], None, 404, False),
        ([3, 2], None, 404, True),
        ([3, 3], 100, 404, False),  # a server that gives three at most, whatever is asked for
        ([3, 2], None, 401, False),
        ([3, 2], None, 500, False),
        ([3, 3], None, 204, True),
        ([], 3, 404, False),
        ([], 3, 204, True),
    ],
)
def test_an_error_may_be_the_end(counts, size, status, over):
    """Behind a page that was not full, and where it says that there is no such page."""
    way = Paginator(api(records="r", pages={"kind": "page", "size": size}), URL)
    for number, count in enumerate(counts):
        way.advance({"r": [number] * count}, {})
    assert way.ends_with(HttpStatusError(URL, status)) is over


@pytest.mark.parametrize("pages", [{"kind": "page", "max": 2}, {"kind": "offset", "max": 2}])
def test_one_page_more_is_asked_for_to_be_empty(pages):
    """With records it is one too many."""
    assert walk(api(pages=pages), [1], [2], [])[1] is None
    with pytest.raises(TooManyPagesError):
        walk(api(pages=pages), [1], [2], [3])


def test_cursors_and_links_end_by_themselves():
    """The largest number of pages is not passed."""
    source = api(pages={"kind": "cursor", "next": "n", "max": 2})
    assert walk(source, {"n": 1}, {"n": None})[1] is None
    with pytest.raises(TooManyPagesError):
        walk(source, {"n": 1}, {"n": 2})


@pytest.mark.parametrize("cursor", ["https://other.example/q?skip=2", "HTTP://h/q?skip=2"])
def test_a_cursor_that_is_a_url_is_the_next_page(cursor):
    """As it is."""
    assert behind(api(pages={"kind": "cursor", "next": "n"}), {"n": cursor}) == cursor


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
        behind(source, {"next": cursor})


def test_a_missing_cursor_is_an_error():
    """The path may be misspelt; the message has the setting for APIs whose last page lacks it."""
    with pytest.raises(MissingPathError, match=r"; if the last page lacks it, set pages.optional: true; "):
        behind(api(pages={"kind": "cursor", "next": "next"}), {})


@pytest.mark.parametrize("last", [{}, {"meta": {}}, {"meta": {"next": None}}])
def test_a_last_page_without_a_cursor(last):
    """With `optional`, also if the path ends before."""
    source = api(pages={"kind": "cursor", "next": "meta.next", "optional": True})
    assert walk(source, {"meta": {"next": 7}}, last) == (["", "?cursor=7"], None)


@pytest.mark.parametrize("answer", [{}, {"r": None}])
@pytest.mark.parametrize("pages", [{"kind": "page"}, {"kind": "offset"}])
def test_pages_without_records_are_an_error(answer, pages):
    """Nobody can say whether there are more."""
    with pytest.raises(MissingPathError):
        behind(api(records="r", pages=pages), answer)


@pytest.mark.parametrize(
    ("link", "following"),
    [
        ('<http://h/q?page=2>; rel="next"', "http://h/q?page=2"),
        ('<?page=2>; rel="next"', "http://h/q?page=2"),
        ("</r>; rel=next", "http://h/r"),
        ('<?p=9>; rel="last", <?p=2>; rel="next", <?p=0>; rel="prev"', "http://h/q?p=2"),
        ('<?p=2>; rel="Next last"; title="x"', "http://h/q?p=2"),
        ('<ftp://h/x>; rel="next"', "ftp://h/x"),
        ('<?p=9>; rel="last"; title="<?p=8>; rel=next, ", <?p=2>; rel="next"', "http://h/q?p=2"),
        ('<?p=1,2;3>; title="a \\"b\\", c"; rel="next"', "http://h/q?p=1,2;3"),
        ('<?p=2>;REL = "prev NEXT"', "http://h/q?p=2"),
        ('<?p=2>; rel="last"; rel="next"', None),
        ('<?p=9>; rel="next"; anchor="#part", <?p=2>; rel=next', "http://h/q?p=2"),
        (" < ?p=2 > ; rel=next", "http://h/q?p=2"),
        ("<?p=2>; flag; rel=next", "http://h/q?p=2"),
        ('<?p=2>; rel="nextpage"', None),
        ('<?p=2>; rel="next', None),
        ('<?p=9>; rel="last"', None),
        ("", None),
        ("nonsense", None),
        ("<>;;;=", None),
    ],
)
def test_link_pages(link, following):
    """RFC 8288; relative targets start from the page."""
    assert behind(api(pages={"kind": "link"}), {}, {"link": link, "x-other": "größer"}) == following
    assert behind(api(pages={"kind": "link"}), {}) is None


def test_a_link_that_cannot_be_read_is_an_error():
    """Not one of the URL library's."""
    with pytest.raises(PageError, match="Link header"):
        behind(api(pages={"kind": "link"}), {}, {"link": '<http://[bad/>; rel="next"'})


@given(st.text())
def test_any_link_header_is_read(link):
    """It is a URL, none, or an error of ours."""
    try:
        following = behind(api(pages={"kind": "link"}), {}, {"link": link})
    except PageError:
        return
    assert following is None or isinstance(following, str)
