"""JSON APIs, from a real site."""

import asyncio
import json
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from airnub_core import ApiSource, ContentStore, NumberedPages, Status, ingest_apis, open_engine, open_store, verify
from airnub_core.errors import (
    ConnectionFailedError,
    HttpStatusError,
    MissingPathError,
    NotJsonError,
    PageError,
    RefusedHeaderError,
    TooManyPagesError,
)
from airnub_core.sample_site import Reply, SampleSite, paged
from airnub_core.sources import apis
from airnub_core.sources.apis import SETTLED_TOGETHER
from airnub_core.sources.records import Watermark
from airnub_core.store.manifest import Manifest

RECORDS = [{"id": number, "properties": {"updated": 100 + number}} for number in range(7)]


def as_json(value):
    """An answer."""
    return Reply(json.dumps(value).encode(), headers={"Content-Type": "application/json"})


def lines_of(root, outcome):
    """The records of an outcome's file."""
    return [json.loads(line) for line in (root / outcome.path).read_bytes().splitlines()]


def raw_answers(root):
    """Every stored object but the files of records, as JSON where it is."""
    return [path for path in root.glob("*/??/*/*") if not path.name.endswith((".manifest.json", ".jsonl"))]


def by_page(size):
    """A route that serves records by page from 1."""
    return lambda asked: as_json(
        {"items": RECORDS[(int(asked.params["page"]) - 1) * size :][:size], "total": len(RECORDS)}
    )


def by_cursor(asked):
    """A route that names the next page in the answer."""
    start = int(asked.params.get("cursor", "0"))
    following = str(start + 3) if start + 3 < len(RECORDS) else None
    return as_json({"items": RECORDS[start : start + 3], "meta": {"next": following}})


def by_link(asked):
    """A route that names the next page in the Link header."""
    start = int(asked.params.get("from", "0"))
    link = {"Link": f'</q?from={start + 3}>; rel="next"'} if start + 3 < len(RECORDS) else {}
    return Reply(json.dumps({"items": RECORDS[start : start + 3]}).encode(), headers=link)


def by_offset(asked):
    """A route that serves records by offset from 0, never more than three of them, whatever is asked for."""
    start, limit = int(asked.params["offset"]), min(3, int(asked.params["limit"]))
    return as_json({"items": RECORDS[start : start + limit], "total": len(RECORDS)})


@pytest.mark.parametrize(
    ("route", "pages", "asked"),
    [
        (by_page(3), {"kind": "page"}, 4),
        (by_page(3), {"kind": "page", "size_param": "n", "size": 3}, 4),
        (by_page(3), {"kind": "page", "size": 100}, 4),
        (by_page(3), {"kind": "page", "total": "total"}, 3),
        (by_offset, {"kind": "offset", "limit": 3}, 4),
        (by_offset, {"kind": "offset", "limit": 100}, 4),
        (by_offset, {"kind": "offset", "limit": 3, "total": "total"}, 3),
        (by_cursor, {"kind": "cursor", "next": "meta.next"}, 3),
        (by_link, {"kind": "link"}, 3),
    ],
)
def test_the_records_of_all_pages_become_one_file(site, run, tmp_path, route, pages, asked):
    """In their order; every answer is kept as it came, and named in the manifest of the records."""
    site.routes["/q"] = route
    source = ApiSource(name="api", url=site.url("/q"), records="items", pages=pages)
    [outcome] = run(source)
    assert (outcome.kind, outcome.url) == (Status.STORED, site.url("/q"))
    assert outcome.path.endswith("/api.jsonl")
    assert lines_of(tmp_path, outcome) == RECORDS
    assert len(site.asked) == asked == len(raw_answers(tmp_path))
    manifest = Manifest.read(tmp_path / outcome.manifest)
    assert manifest.content_type == "application/x-ndjson"
    assert set(manifest.derived_from) == {f"sha256:{path.parent.name}" for path in raw_answers(tmp_path)}
    [again] = run(source)
    assert (again.kind, again.digest) == (Status.UNCHANGED, outcome.digest)


def test_new_records_are_an_update(site, run, tmp_path):
    """Linked to the last version."""
    source = ApiSource(name="api", url=site.url("/q"), params={"format": "json"})
    source = source.model_copy(update={"records": "items"})
    site.routes["/q"] = as_json({"items": [1]})
    [first] = run(source)
    site.routes["/q"] = as_json({"items": [1, 2]})
    [second] = run(source)
    assert (second.kind, lines_of(tmp_path, second)) == (Status.UPDATED, [1, 2])
    assert Manifest.read(tmp_path / second.manifest).previous_digest == first.digest
    assert site.asked[0].params == {"format": "json"}


def test_without_records_the_whole_answer_is_kept(site, run, tmp_path):
    """To the letter."""
    site.routes["/q"] = Reply(b'{"a" : 1 }\n')
    [outcome] = run(ApiSource(name="api", url=site.url("/q")))
    assert (tmp_path / outcome.path).read_bytes() == b'{"a" : 1 }\n'
    assert outcome.url == site.url("/q")


def test_without_records_every_page_is_an_item(site, run):
    """One outcome for each answer."""
    site.routes["/q"] = by_cursor
    outcomes = run(ApiSource(name="api", url=site.url("/q"), pages={"kind": "cursor", "next": "meta.next"}))
    assert [urlsplit(outcome.url).query for outcome in outcomes] == ["", "cursor=3", "cursor=6"]


def test_an_api_like_that_of_the_sample_site(site, run, tmp_path):
    """Offsets from 1, GeoJSON features."""
    site.routes["/q"] = paged(RECORDS, lambda part: json.dumps({"features": part}).encode())
    pages = {"kind": "offset", "start": 1, "limit": 2}
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="features", pages=pages))
    assert lines_of(tmp_path, outcome) == RECORDS


# --- secrets

SECRET = "s3cret-t0ken"
AUTH = {"block": "secret/usgs-token", "header": "Authorization", "prefix": "Bearer "}


def give(reference):
    """The value of the one secret."""
    assert reference == "secret/usgs-token"
    return SECRET


def test_the_secret_goes_to_the_api_and_nowhere_else(site, run, everything_in):
    """Every page is asked with it; no manifest, index, outcome or published JSON holds it."""
    site.routes["/q"] = by_link
    source = ApiSource(
        name="api",
        url=site.url("/q"),
        headers={"Accept": "application/json"},
        auth=AUTH,
        records="items",
        pages={"kind": "link"},
    )
    [outcome] = run(source, secret=give)
    assert [asked.headers["authorization"] for asked in site.asked] == [f"Bearer {SECRET}"] * 3
    assert site.asked[0].headers["accept"] == "application/json"
    assert SECRET not in repr(outcome) + json.dumps(outcome.as_json())
    assert not [name for name, content in everything_in().items() if SECRET.encode() in content or SECRET in name]


def test_the_secret_is_not_sent_to_another_origin(site, run):
    """Neither by a redirect nor by a Link header: the answer of a server does not decide who gets it."""
    with SampleSite({"/next": as_json({"items": [2]}), "/moved": as_json({"items": [3]})}) as other:
        site.routes |= {
            "/q": Reply(b'{"items": [1]}', headers={"Link": f'<{other.url("/next")}>; rel="next"'}),
            "/r": Reply(status=302, headers={"Location": other.url("/moved")}),
        }
        for path in ("/q", "/r"):
            [outcome] = run(
                ApiSource(
                    name=f"api{path[1:]}", url=site.url(path), auth=AUTH, records="items", pages={"kind": "link"}
                ),
                secret=give,
            )
            assert outcome.kind is Status.STORED
        assert [asked.path for asked in other.asked] == ["/next", "/moved"]
        assert SECRET not in str(other.asked)
    assert all("authorization" in asked.headers for asked in site.asked)


def test_a_secret_in_the_url_is_not_written_down(site, run, everything_in):
    """It is sent as a parameter, and redacted wherever the URL is shown; failures included."""
    site.routes["/q"] = as_json({"items": []})
    ok, bad = run(
        ApiSource(name="ok", url=site.url("/q"), params={"api_key": SECRET, "x": 1}, records="items"),
        ApiSource(name="bad", url=site.url("/missing"), params={"api_key": SECRET}, records="items"),
    )
    assert site.asked[0].params["api_key"] == SECRET
    assert ok.url == f"{site.url('/q')}?api_key=***&x=1"
    assert SECRET not in json.dumps([ok.as_json(), bad.as_json()])
    assert not [name for name, content in everything_in().items() if SECRET.encode() in content]


@pytest.mark.parametrize("value", [SECRET + "\r\nX-Injected: 1", SECRET + "\u00e4"])
def test_a_secret_that_cannot_be_sent_is_one_failed_item(site, run, value):
    """It names the header and not the secret."""
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), auth=AUTH), secret=lambda _reference: value)
    assert outcome.error == RefusedHeaderError(site.url("/q"), "authorization")
    assert SECRET not in json.dumps(outcome.as_json())
    assert site.asked == []


def test_a_secret_that_is_missing_is_an_error_before_anything_is_asked(site, run):
    """Whoever keeps the secrets says so in their own words."""

    def missing(reference):
        raise LookupError(f"no {reference}")

    site.routes["/q"] = as_json([])
    with pytest.raises(LookupError, match="no secret/usgs-token"):
        run(ApiSource(name="a", url=site.url("/q")), ApiSource(name="b", url=site.url("/q"), auth=AUTH), secret=missing)
    assert site.asked == []


# --- bad answers


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html>maintenance</html>", NotJsonError),
        (b"", NotJsonError),
        (b'{"items": [NaN]}', NotJsonError),
        (b'{"items": [1e999]}', NotJsonError),
        (b'{"items": [' + b"9" * 5000 + b"]}", NotJsonError),
        (b"[" * 50_000, NotJsonError),
        (b'{"data": []}', MissingPathError),
        (b'{"items": {}}', MissingPathError),
        (b"[]", MissingPathError),
    ],
)
def test_a_bad_answer_is_one_failed_item_and_is_kept(site, run, tmp_path, body, error):
    """The raw answer is there to be looked at."""
    site.routes["/q"] = Reply(body)
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="items"))
    assert (outcome.kind, type(outcome.error)) == (Status.FAILED, error)
    [raw] = raw_answers(tmp_path)
    assert raw.read_bytes() == body


def test_a_missing_path_says_which(site, run):
    """And how far it leads."""
    site.routes["/q"] = as_json({"data": {"rows": []}})
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="data.items"))
    assert "expected a value at 'data.items', found nothing: 'data' is an object with 'rows'" in str(outcome.error)


def test_half_a_surrogate_pair_is_kept(site, run, tmp_path):
    """JSON can say it."""
    site.routes["/q"] = Reply(b'{"items": ["\\ud83d"]}')
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="items"))
    assert lines_of(tmp_path, outcome) == ["\ud83d"]


@pytest.mark.parametrize("cursor", ["\ud83d", {"a": 1}, "x" * 70_000])
def test_a_cursor_that_leads_nowhere_is_one_failed_item(site, run, cursor):
    """Half a character, an object, or more than a URL can hold."""
    site.routes["/q"] = as_json({"items": [1], "next": cursor})
    [outcome] = run(
        ApiSource(name="api", url=site.url("/q"), records="items", pages={"kind": "cursor", "next": "next"})
    )
    assert outcome.kind is Status.FAILED


def test_an_endless_api_is_one_failed_item(site, run, tmp_path):
    """After the largest number of pages that the settings allow; those are kept."""
    site.routes["/q"] = lambda asked: as_json({"items": [1], "next": int(asked.params.get("cursor", "0")) + 1})
    pages = {"kind": "cursor", "next": "next", "max": 5}
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="items", pages=pages))
    assert outcome.error == TooManyPagesError(site.url("/q"), 5)
    assert len(site.asked) == len(raw_answers(tmp_path)) == 5


@pytest.mark.parametrize("pages", [{"kind": "page"}, {"kind": "offset"}, {"kind": "page", "size": 100}])
def test_an_api_that_does_not_know_the_parameters_of_pages_is_one_failed_item(site, run, tmp_path, pages):
    """It gives its first page for ever; taking that for all there is would lose the rest."""
    site.routes["/q"] = as_json({"items": RECORDS})
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="items", pages=pages))
    assert isinstance(outcome.error, PageError)
    assert "found those of the previous page again" in str(outcome.error)
    assert len(site.asked) == 2


def test_an_api_that_gives_its_last_page_again(site, run, tmp_path):
    """Its total says where it ends."""
    site.routes["/q"] = lambda asked: as_json(
        {"items": RECORDS[3 * (min(3, int(asked.params["page"])) - 1) :][:3], "meta": {"count": 7}}
    )
    pages = {"kind": "page", "total": "meta.count"}
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="items", pages=pages))
    assert lines_of(tmp_path, outcome) == RECORDS


@pytest.mark.parametrize("status", [204, 400, 404, 410, 416, 422])
@pytest.mark.parametrize("pages", [{"kind": "page"}, {"kind": "page", "size": 4}, {"kind": "offset", "limit": 100}])
def test_an_api_without_an_empty_page_behind_the_last(site, run, tmp_path, status, pages):
    """It answers with an error; behind a page that was not full that is the end."""

    def route(asked):
        answer = by_page(4)(asked) if "page" in asked.params else by_offset(asked)
        return answer if json.loads(answer.body)["items"] else Reply(status=status)

    site.routes["/q"] = route
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="items", pages=pages))
    assert lines_of(tmp_path, outcome) == RECORDS


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_error_behind_a_full_page_is_no_end(site, run, tmp_path, status):
    """Nor is one of another kind: there may be more, and the watermark must not move over it."""
    site.routes["/q"] = lambda asked: Reply(status=status) if asked.params["page"] == "2" else by_page(3)(asked)
    pages = {"kind": "page", "size": 3}
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="items", pages=pages))
    assert outcome.error == HttpStatusError(f"{site.url('/q')}?page=2", status)


def test_no_content_is_no_records(site, run, tmp_path, incremental):
    """Some APIs say so when there is nothing new."""
    run(incremental)
    site.routes["/q"] = Reply(status=204)
    [outcome] = run(incremental)
    assert (outcome.kind, watermark(tmp_path)) == (Status.UNCHANGED, 102)
    [outcome] = run(ApiSource(name="whole", url=site.url("/q")))
    assert outcome.error == HttpStatusError(site.url("/q"), 204)


@pytest.mark.parametrize("end", [as_json({"items": [], "total": 9}), Reply(status=404), Reply(status=204)])
def test_fewer_records_than_the_total_are_an_error(site, run, end):
    """What was promised and did not come is missing."""
    pages = {"kind": "page", "total": "total", "size": 9}
    site.routes["/q"] = lambda asked: end if asked.params["page"] == "2" else as_json({"items": RECORDS, "total": 9})
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="items", pages=pages))
    assert "expected 9 records (pages.total), found 7" in str(outcome.error)


def test_the_largest_number_of_pages_may_be_reached(site, run, tmp_path):
    """One more is asked for, and has to be empty."""
    site.routes["/q"] = by_page(3)
    pages = {"kind": "page", "max": 3}
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="items", pages=pages))
    assert lines_of(tmp_path, outcome) == RECORDS
    pages = {"kind": "page", "max": 2}
    [outcome] = run(ApiSource(name="short", url=site.url("/q"), records="items", pages=pages))
    assert outcome.error == TooManyPagesError(site.url("/q"), 2)


def test_a_limit_on_the_rate_is_waited_for(site, run, tmp_path, network):
    """429 with Retry-After on a page in the middle is asked again; the outcome says so."""
    refusals = iter([Reply(status=429, headers={"Retry-After": "0"}), Reply(status=503, headers={"Retry-After": "0"})])

    def route(asked):
        return next(refusals, by_page(3)(asked)) if asked.params["page"] == "2" else by_page(3)(asked)

    site.routes["/q"] = route
    source = ApiSource(name="api", url=site.url("/q"), records="items", pages={"kind": "page"})
    [outcome] = run(source, network=network.model_copy(update={"attempts": 3}))
    assert (lines_of(tmp_path, outcome), outcome.attempts) == (RECORDS, 3)
    assert [asked.params["page"] for asked in site.asked] == ["1", "2", "2", "2", "3", "4"]


def test_the_next_page_may_be_a_whole_url_in_the_answer(site, run, tmp_path):
    """As OData and others write it, under a name with dots."""

    def route(asked):
        start = int(asked.params.get("skip", "0"))
        more = {"@odata.nextLink": site.url(f"/q?skip={start + 3}")} if start < 6 else {"@odata.nextLink": None}
        return as_json({"value": RECORDS[start : start + 3], **more})

    site.routes["/q"] = route
    pages = {"kind": "cursor", "next": "@odata.nextLink"}
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="value", pages=pages))
    assert lines_of(tmp_path, outcome) == RECORDS


def test_an_api_that_repeats_itself_is_one_failed_item(site, run):
    """The same page twice is no progress."""
    site.routes["/q"] = Reply(b'{"items": [1]}', headers={"Link": '</q?token=s3cret>; rel="next"'})
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="items", pages={"kind": "link"}))
    assert isinstance(outcome.error, PageError)
    assert "token=***" in str(outcome.error)
    assert len(site.asked) == 2


@pytest.mark.parametrize("link", ["<http://[bad/>", "<file:///etc/passwd>", "<//>"])
def test_a_link_that_leads_nowhere_is_one_failed_item(site, run, link):
    """Whatever the header says."""
    site.routes["/q"] = Reply(b'{"items": [1]}', headers={"Link": f'{link}; rel="next"'})
    [outcome] = run(ApiSource(name="api", url=site.url("/q"), records="items", pages={"kind": "link"}))
    assert outcome.kind is Status.FAILED


def test_a_page_that_fails_keeps_those_before(site, run, tmp_path):
    """The next run asks for them with their validators and goes on."""
    site.routes["/q"] = lambda asked: Reply(status=404) if asked.params["page"] == "3" else by_page(3)(asked)
    source = ApiSource(name="api", url=site.url("/q"), records="items", pages={"kind": "page"})
    [failed] = run(source)
    assert failed.error == HttpStatusError(f"{site.url('/q')}?page=3", 404)
    assert len(raw_answers(tmp_path)) == 2
    site.routes["/q"] = by_page(3)
    [outcome] = run(source)
    assert lines_of(tmp_path, outcome) == RECORDS
    assert ["if-none-match" in asked.headers for asked in site.asked[3:]] == [True, True, False, False]


def test_a_damaged_answer_is_fetched_again(site, run, tmp_path):
    """The server says it is unchanged, the store has other bytes: these are never read, and the object is mended."""
    site.routes["/q"] = as_json({"items": [1]})
    source = ApiSource(name="api", url=site.url("/q"), records="items")
    run(source)
    [raw] = raw_answers(tmp_path)
    raw.write_bytes(b'{"items": [2]}')
    [outcome] = run(source)
    assert lines_of(tmp_path, outcome) == [1]
    assert json.loads(raw.read_bytes()) == {"items": [1]}


def test_one_bad_api_does_not_stop_the_others(site, run, unused_port):
    """Sources are apart."""
    site.routes["/q"] = as_json([])
    dead, alive = run(
        ApiSource(name="dead", url=f"http://127.0.0.1:{unused_port}/"), ApiSource(name="alive", url=site.url("/q"))
    )
    assert isinstance(dead.error, ConnectionFailedError)
    assert alive.kind is Status.STORED


# --- incremental


def since(asked):
    """A route that serves what is newer than the watermark."""
    after = int(asked.params.get("updatedafter", "0"))
    return as_json({"items": [record for record in RECORDS[: since.count] if record["properties"]["updated"] > after]})


def watermark(root):
    """How far the source was read."""
    with open_store(root) as (_, index):
        return Watermark("at", index.watermark("api")).value


@pytest.fixture
def incremental(site):
    """A source with a watermark."""
    site.routes["/q"] = since
    since.count = 3
    return ApiSource(
        name="api",
        url=site.url("/q"),
        records="items",
        incremental={"field": "properties.updated", "param": "updatedafter"},
    )


def test_only_what_is_new_is_asked_for(site, run, tmp_path, incremental):
    """The largest value so far is sent along; a run without news changes nothing."""
    [first] = run(incremental)
    assert lines_of(tmp_path, first) == RECORDS[:3]
    since.count = 5
    [second] = run(incremental)
    assert (second.kind, lines_of(tmp_path, second)) == (Status.STORED, RECORDS[3:5])
    [third] = run(incremental)
    assert (third.kind, third.path) == (Status.UNCHANGED, None)
    assert [asked.params.get("updatedafter") for asked in site.asked] == [None, "102", "104"]
    assert watermark(tmp_path) == 104


@pytest.mark.parametrize(
    "bad",
    [
        {"items": [{"properties": {"updated": 900}}, {}]},
        {"items": [{"properties": {"updated": None}}]},
        {"items": [{"properties": {"updated": "text"}}]},
        {"items": [{"properties": {"updated": True}}]},
        "no records",
    ],
)
def test_the_watermark_moves_on_success_alone(site, run, tmp_path, incremental, bad):
    """A record without the field, or with one that does not compare, and the next run asks for all of it again."""
    run(incremental)
    site.routes["/q"] = as_json(bad)
    [outcome] = run(incremental)
    assert (outcome.kind, type(outcome.error)) == (Status.FAILED, MissingPathError)
    assert watermark(tmp_path) == 102


@pytest.mark.parametrize("value", ["\ud83d", [], {}])
def test_a_watermark_that_cannot_be_sent_is_an_error(site, run, tmp_path, incremental, value):
    """Before it is remembered."""
    site.routes["/q"] = as_json({"items": [{"properties": {"updated": value}}]})
    [outcome] = run(incremental)
    assert isinstance(outcome.error, MissingPathError)
    assert watermark(tmp_path) is None


def test_records_of_the_border_come_once(site, run, tmp_path, incremental):
    """An API may give what has the value of the watermark again, and something new with it."""

    def record(number, at):
        return {"id": number, "properties": {"updated": at}}

    site.routes["/q"] = as_json({"items": [record(2, 20), record(1, 10), record(3, 20)]})
    run(incremental)
    site.routes["/q"] = as_json({"items": [record(2, 20), record(3, 20)]})
    [nothing] = run(incremental)
    assert (nothing.kind, nothing.path) == (Status.UNCHANGED, None)
    site.routes["/q"] = as_json({"items": [record(2, 20), record(4, 20), record(3, 20)]})
    [late] = run(incremental)
    assert lines_of(tmp_path, late) == [record(4, 20)]
    site.routes["/q"] = as_json({"items": [record(5, 30), record(4, 20), record(3, 20), record(2, 20)]})
    [later] = run(incremental)
    assert lines_of(tmp_path, later) == [record(5, 30)]
    assert watermark(tmp_path) == 30


def test_a_page_that_fails_leaves_the_watermark(site, run, tmp_path, incremental):
    """What came before is kept as it came, but it is not all there is."""
    source = incremental.model_copy(update={"pages": NumberedPages(kind="page")})
    site.routes["/q"] = lambda asked: Reply(status=500) if asked.params["page"] == "2" else by_page(3)(asked)
    [outcome] = run(source)
    assert (outcome.kind, watermark(tmp_path)) == (Status.FAILED, None)
    site.routes["/q"] = by_page(3)
    [outcome] = run(source)
    assert (lines_of(tmp_path, outcome), watermark(tmp_path)) == (RECORDS, 106)
    assert "if-none-match" in site.asked[2].headers


def test_a_watermark_may_be_a_time(site, run, tmp_path, incremental):
    """Texts compare as texts; it is sent as it was found."""
    site.routes["/q"] = as_json(
        {"items": [{"properties": {"updated": at}} for at in ("2026-01-02T00:00:00+01:00", "2026-01-01")]}
    )
    run(incremental)
    run(incremental)
    assert site.asked[1].params["updatedafter"] == "2026-01-02T00:00:00+01:00"


def test_a_first_run_without_records_is_an_empty_file(site, run, tmp_path, incremental):
    """And no watermark."""
    since.count = 0
    [outcome] = run(incremental)
    assert (outcome.kind, lines_of(tmp_path, outcome), watermark(tmp_path)) == (Status.STORED, [], None)


# --- together


def test_progress_expects_as_many_items_as_there_are_outcomes(site, tmp_path, network):
    """Files of records, single answers, failures."""
    site.routes["/q"] = by_cursor
    pages = {"kind": "cursor", "next": "meta.next"}
    sources = [
        ApiSource(name="records", url=site.url("/q"), records="items", pages=pages),
        ApiSource(name="answers", url=site.url("/q"), pages=pages),
        ApiSource(name="bad", url=site.url("/missing"), pages=pages),
    ]
    expected, seen = [], []

    async def main():
        async with open_engine(tmp_path, network, on_expected=expected.append, on_outcome=seen.append) as engine:
            return await ingest_apis(engine, sources, give)

    outcomes = asyncio.run(main())
    assert sum(expected) == len(outcomes) == len(seen) == 5


def test_a_failure_behind_pages_that_are_items(site, tmp_path, network):
    """They are stored, and said to be; what comes behind them is one failure."""
    site.routes["/q"] = lambda asked: Reply(status=500) if asked.params.get("cursor") == "6" else by_cursor(asked)
    source = ApiSource(name="answers", url=site.url("/q"), pages={"kind": "cursor", "next": "meta.next"})
    expected, seen = [], []

    async def main():
        async with open_engine(tmp_path, network, on_expected=expected.append, on_outcome=seen.append) as engine:
            return await ingest_apis(engine, [source], give)

    outcomes = asyncio.run(main())
    assert [outcome.kind for outcome in outcomes] == [Status.STORED, Status.STORED, Status.FAILED]
    assert (sum(expected), len(seen)) == (3, 3)


def test_a_long_walk_is_safe_on_the_way(site, tmp_path, network):
    """While a late page is awaited, the index of another process knows those before."""
    known = []

    def route(asked):
        page = int(asked.params["page"])
        if page == SETTLED_TOGETHER + 1:
            with open_store(tmp_path) as (_, index):
                known.extend(index.current("api"))
        return as_json({"items": [page] if page < SETTLED_TOGETHER + 5 else []})

    site.routes["/q"] = route

    async def main():
        async with open_engine(tmp_path, network) as engine:
            return await ingest_apis(
                engine, [ApiSource(name="api", url=site.url("/q"), records="items", pages={"kind": "page"})], give
            )

    [outcome] = asyncio.run(main())
    assert len(known) == SETTLED_TOGETHER
    assert lines_of(tmp_path, outcome) == list(range(1, SETTLED_TOGETHER + 5))
    assert len(Manifest.read(tmp_path / outcome.manifest).derived_from) == SETTLED_TOGETHER + 5


KILLED = """
import asyncio, sys
from pathlib import Path
from airnub_core import ApiSource, NetworkSettings, ingest_apis, open_engine

async def main(root, url):
    source = ApiSource(name="api", url=url, records="items", pages={"kind": "page"})
    async with open_engine(Path(root), NetworkSettings(allow_private_hosts=True)) as engine:
        await ingest_apis(engine, [source], str)

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_run_that_is_killed_between_pages_goes_on(site, run, tmp_path):
    """What had come is asked for with its validators, settled or not; the records are all there, each once."""
    last = SETTLED_TOGETHER + 3
    running = []

    def route(asked):
        page = int(asked.params["page"])
        if page == last and running:
            running.pop().kill()
        return as_json({"items": [page] if page <= last else []})

    site.routes["/q"] = route
    command = [sys.executable, "-c", KILLED, tmp_path, site.url("/q")]
    process = subprocess.Popen(command)
    running.append(process)
    assert process.wait() == -signal.SIGKILL
    before = len(site.asked)
    source = ApiSource(name="api", url=site.url("/q"), records="items", pages={"kind": "page"})
    [outcome] = run(source)
    assert (outcome.kind, lines_of(tmp_path, outcome)) == (Status.STORED, list(range(1, last + 1)))
    again = [asked for asked in site.asked[before:] if "if-none-match" in asked.headers]
    assert [int(asked.params["page"]) for asked in again] == list(range(1, last))
    assert verify(ContentStore(tmp_path)).damaged == []


def test_a_cancelled_run_keeps_what_it_has(site, tmp_path, network):
    """The pages before are known to the next run."""
    source = ApiSource(name="api", url=site.url("/q"), records="items", pages={"kind": "page"})

    async def main():
        loop = asyncio.get_running_loop()
        task = None

        def route(asked):
            if asked.params["page"] == "3":
                loop.call_soon_threadsafe(task.cancel)
            return by_page(3)(asked)

        site.routes["/q"] = route
        async with open_engine(tmp_path, network) as engine:
            task = asyncio.create_task(ingest_apis(engine, [source], give))
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    with open_store(tmp_path) as (_, index):
        assert len(index.current("api")) >= 2


def test_a_large_answer_is_read_beside_the_event_loop(site, tmp_path, network):
    """51 MiB of JSON: whatever else the loop does goes on all the time, and every record arrives."""
    records = [{"id": number, "text": "x" * 200} for number in range(240_000)]
    site.routes["/large"] = Reply(json.dumps({"records": records}).encode())
    assert len(site.routes["/large"].body) > 51 * 1024 * 1024
    del records
    source = ApiSource(name="s", url=site.url("/large"), records="records")

    async def main():
        beats = 0

        async def beat():
            nonlocal beats
            while True:
                await asyncio.sleep(0.01)
                beats += 1

        async with open_engine(tmp_path, network.model_copy(update={"stall_timeout": 60})) as engine:
            beating = asyncio.create_task(beat())
            parse, during = apis.parse_json, []

            def counted(url, content):
                before = beats
                answer = parse(url, content)
                during.append(beats - before)
                return answer

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(apis, "parse_json", counted)
                [outcome] = await ingest_apis(engine, [source], str)
            beating.cancel()
            return during, outcome

    during, outcome = asyncio.run(main())
    assert len(during) == 1
    assert during[0] >= 3
    assert (tmp_path / outcome.path).read_bytes().count(b"\n") == 240_000
