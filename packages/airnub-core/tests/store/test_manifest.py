"""Manifests: what is written beside the bytes, and what is read again."""

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote

import pytest
from answers import LIMITS, answered, requested
from hypothesis import example, given
from hypothesis import strategies as st

from airnub_common import redact_url
from airnub_core.errors import DamagedManifestError
from airnub_core.http.request import Request
from airnub_core.store.manifest import HEADERS_WORTH_KEEPING, Manifest, url_digest

DIGEST = "sha256:" + "0" * 64
MINIMAL = {
    "source": "s",
    "url": "http://h/a",
    "url_digest": url_digest("http://h/a"),
    "final_url": "http://h/a",
    "path": "s/00/" + "0" * 64 + "/a",
    "file_name": "a",
    "original_file_name": "a",
    "digest": DIGEST,
    "size": 1,
    "fetched_at": "2026-01-01T00:00:00Z",
}
FIELDS = [one.name for one in fields(Manifest)]


def parsed(**others):
    """The manifest of a file that says these fields."""
    return Manifest.parse(json.dumps(MINIMAL | others).encode(), "here")


TEXT = st.text(st.characters(codec="utf-8"))
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)
MANIFESTS = st.builds(
    Manifest,
    source=TEXT,
    url=TEXT,
    url_digest=st.just(url_digest("x")),
    page=st.none() | TEXT,
    title=st.none() | TEXT,
    final_url=TEXT,
    path=TEXT,
    file_name=TEXT,
    original_file_name=TEXT,
    digest=DIGESTS,
    size=st.integers(0, 2**62),
    content_type=st.none() | TEXT,
    headers=st.dictionaries(TEXT, TEXT),
    fetched_at=st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2500, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # hypothesis wants bare limits
    previous_digest=st.none() | DIGESTS,
    derived_from=st.lists(DIGESTS).map(tuple),
)


@given(MANIFESTS)
def test_a_manifest_is_read_as_it_was_written(tmp_path_factory, manifest):
    """Whatever letters servers use."""
    path = tmp_path_factory.getbasetemp() / "manifest.json"
    path.write_bytes(manifest.as_bytes())
    assert Manifest.read(path) == manifest


def test_a_manifest_is_json_that_a_person_can_read():
    """Indented, with the times in UTC, and a line end."""
    written = parsed().as_bytes()
    assert json.loads(written)["fetched_at"] == "2026-01-01T00:00:00Z"
    assert written.startswith(b'{\n  "schema_version": 1,\n')
    assert written.endswith(b"}\n")


def test_a_manifest_is_frozen():
    """What was written is not changed in memory either."""
    with pytest.raises(FrozenInstanceError):
        parsed().size = 2


# As written by the first version, to the letter. It stays here: stores are older than programs.
VERSION_1 = b"""{
  "schema_version": 1,
  "source": "seattle",
  "url": "https://example.org/weather.csv?token=***",
  "url_digest": "8b1a9953c4611296a827abf8c47804d7e6c49c6b8b1a9953c4611296a827abf8",
  "page": "https://example.org/",
  "title": "K\xc3\xb6ln",
  "final_url": "https://cdn.example.org/weather.csv",
  "path": "seattle/3f/3f9a27c13f9a27c13f9a27c13f9a27c13f9a27c13f9a27c13f9a27c13f9a27c1/weather.csv",
  "file_name": "weather.csv",
  "original_file_name": "../weather.csv",
  "digest": "sha256:3f9a27c13f9a27c13f9a27c13f9a27c13f9a27c13f9a27c13f9a27c13f9a27c1",
  "algorithm": "sha256",
  "size": 48219,
  "content_type": "text/csv",
  "headers": {
    "etag": "\\"abc\\"",
    "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT"
  },
  "fetched_at": "2026-01-02T03:04:05.678901Z",
  "previous_digest": null,
  "derived_from": []
}
"""


def test_a_manifest_of_version_1_is_read(tmp_path):
    """Every field of it, and it is written again as it was."""
    path = tmp_path / "weather.csv.manifest.json"
    path.write_bytes(VERSION_1)
    manifest = Manifest.read(path)
    assert (manifest.schema_version, manifest.title, manifest.size) == (1, "K\u00f6ln", 48219)
    assert manifest.headers["etag"] == '"abc"'
    assert manifest.fetched_at == datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    assert json.loads(VERSION_1).items() <= json.loads(manifest.as_bytes()).items()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=5,
)


@given(MANIFESTS, st.dictionaries(TEXT.filter(lambda name: name not in FIELDS), JSON, max_size=3))
def test_newer_manifests_may_say_more(manifest, more):
    """What is not known is left alone."""
    newer = json.loads(manifest.as_bytes()) | {"schema_version": 2} | more
    read = Manifest.parse(json.dumps(newer).encode(), "here")
    assert read == replace(manifest, schema_version=2)


@given(
    MANIFESTS.map(Manifest.as_bytes),
    st.integers(0, 10**6),
    st.sampled_from(["cut", "zero", "flip", "drop"]),
    st.sampled_from([name for name in FIELDS if name in MINIMAL]),
)
def test_damage_is_told_or_does_no_harm(tmp_path_factory, written, place, how, name):
    """A manifest that was cut is none; of other damage it is an error of ours, or a manifest all the same."""
    path = tmp_path_factory.getbasetemp() / f"damaged-{how}.manifest.json"
    place %= len(written.rstrip())
    flipped = bytes([written[place] ^ 0x41])
    path.write_bytes(
        {
            "cut": written[:place],
            "zero": written[:place] + bytes(len(written) - place),
            "flip": written[:place] + flipped + written[place + 1 :],
            "drop": json.dumps({key: value for key, value in json.loads(written).items() if key != name}).encode(),
        }[how]
    )
    try:
        read = Manifest.read(path)
    except DamagedManifestError:
        return
    assert how == "flip"
    assert Manifest.parse(read.as_bytes(), "here") == read


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": "md5:0"},
        {"size": -1},
        {"fetched_at": "2026-01-01T00:00:00"},
        {"url_digest": "x"},
        {"algorithm": "md5"},
        {"schema_version": 0},
        {"path": None},
    ],
)
def test_wrong_manifests_are_refused(wrong):
    """Digests, sizes and times are what they have to be."""
    with pytest.raises(DamagedManifestError, match=f"expected a manifest, found {next(iter(wrong))}: "):
        parsed(**wrong)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"\0\0\0",
        b"\xff",
        b'{"source": "s"',
        b"[" * 100_000,
        json.dumps(MINIMAL | {"size": 10**5}).encode()[:-5],
    ],
)
def test_a_damaged_manifest_is_an_error_with_its_path(tmp_path, content):
    """Cut, empty, or nothing like it."""
    path = tmp_path / "x.manifest.json"
    path.write_bytes(content)
    with pytest.raises(DamagedManifestError, match="expected a manifest, found") as error:
        Manifest.read(path)
    assert error.value.path == str(path)


def test_a_missing_manifest_is_an_error_with_its_path(tmp_path):
    """And so is a folder in its place."""
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(DamagedManifestError) as error:
            Manifest.read(path)
        assert error.value.path == str(path)


def test_times_of_other_zones_are_read():
    """An offset says what is meant."""
    manifest = parsed(fetched_at="2026-01-01T02:00:00+02:00")
    assert manifest.fetched_at == datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))


@given(secret=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8), user=TEXT.filter(bool))
def test_no_secret_of_a_url_is_written(secret, user):
    """Password, token and signature of a URL, of its page and of where it led."""
    url = f"https://{quote(user, safe='')}:{secret}@example.org/a?token={secret}&sig={secret}&page=2"
    redacted = redact_url(url)
    manifest = parsed(url=redacted, final_url=redacted, page=redacted, url_digest=url_digest(url))
    written = manifest.as_bytes().decode()
    for harmless in ("example.org", url_digest(url), "sha256", "original_file_name"):
        written = written.replace(harmless, "")
    assert f":{secret}@" not in written
    assert f"={secret}" not in written
    assert "page=2" in written


# --- the manifest of bytes that have come

URL = "https://me:pass@example.org/a.csv?token=s3cret"
HEX = "ab" * 32
HEX_DIGITS = st.text("0123456789abcdef", min_size=64, max_size=64)
AT = "2026-01-02T03:04:05.678901+00:00"
ASKED = st.builds(
    Request,
    number=st.just(0),
    limits=st.just(LIMITS),
    source=TEXT,
    url=TEXT,
    url_digest=HEX_DIGITS,
    page=st.none() | TEXT,
    title=st.none() | TEXT,
    previous_digest=st.none() | HEX_DIGITS.map("sha256:{}".format),
)
NAMES = st.sampled_from(sorted(HEADERS_WORTH_KEEPING)) | TEXT


def written(asked=None, final_url=URL, headers=(), original="a.csv", sent_at=AT, **others):
    """The manifest of some bytes."""
    received = answered(asked or requested(URL), final_url, headers, sent_at)
    fixed = {"hex_digits": HEX, "size": 7, "file_name": "a.csv", "original": original}
    return Manifest.of(received, **fixed | others).as_bytes()


def test_it_says_where_the_bytes_came_from():
    """Every field, with URLs redacted and times in UTC."""
    before = f"sha256:{'0' * 64}"
    asked = requested(URL, page="https://example.org/?key=s3cret", title="A title", previous_digest=before)
    manifest = Manifest.parse(
        written(asked, "https://cdn.example.org/x", {"etag": '"1"', "content-type": "text/csv"}, "../a.csv"), "here"
    )
    assert manifest.fetched_at == datetime.fromisoformat(AT)
    assert manifest == Manifest(
        source="s",
        url=redact_url(URL),
        url_digest=url_digest(URL),
        page=redact_url("https://example.org/?key=s3cret"),
        title="A title",
        final_url="https://cdn.example.org/x",
        path=f"s/ab/{HEX}/a.csv",
        file_name="a.csv",
        original_file_name="../a.csv",
        digest=f"sha256:{HEX}",
        size=7,
        content_type="text/csv",
        headers={"etag": '"1"', "content-type": "text/csv"},
        fetched_at=manifest.fetched_at,
        previous_digest=f"sha256:{'0' * 64}",
    )
    assert b"s3cret" not in written(asked)
    assert b"pass@" not in written(asked)


@given(
    ASKED,
    TEXT,
    st.dictionaries(NAMES, TEXT),
    TEXT,
    TEXT,
    st.integers(0, 2**62),
    HEX_DIGITS,
    st.lists(HEX_DIGITS.map("sha256:{}".format)).map(tuple),
)
@example(
    Request(0, '"\\', "\u2028</script>", "0" * 64, LIMITS, page="\x7f", title="\x00\x1f\t\n"),
    "",
    {"etag": '"\u00fc"'},
    "\U0001f600",
    "",
    0,
    HEX,
    (),
)
def test_reading_and_writing_changes_nothing(
    asked, final_url, headers, file_name, original, size, hex_digits, derived_from
):
    """To the byte, whatever letters servers use: reading a manifest and writing it again changes nothing."""
    content = Manifest.of(
        answered(asked, final_url, headers, AT),
        hex_digits=hex_digits,
        size=size,
        file_name=file_name,
        original=original,
        derived_from=derived_from,
    ).as_bytes()
    manifest = Manifest.parse(content, "here")
    assert manifest.as_bytes() == content
    plain = json.dumps(manifest.as_json(), indent=2, ensure_ascii=False)
    assert content == f"{plain}\n".encode(errors="backslashreplace")
    assert (manifest.source, manifest.title, manifest.file_name) == (asked.source, asked.title, file_name)
    assert (manifest.original_file_name, manifest.size, manifest.derived_from) == (original, size, derived_from)
    assert manifest.headers == {name: value for name, value in headers.items() if name in HEADERS_WORTH_KEEPING}


@pytest.mark.parametrize("microsecond", [0, 1, 500_000])
def test_the_time_is_written_again_as_it_was_read(microsecond):
    """Also in the one microsecond of a million that has no fraction."""
    content = written(sent_at=datetime(2026, 1, 2, 3, 4, 5, microsecond, UTC).isoformat())
    assert Manifest.parse(content, "here").as_bytes() == content


def test_equal_bytes_have_no_digest_before():
    """A URL that brings the same bytes again is no new version."""
    asked = requested(URL, previous_digest=f"sha256:{HEX}")
    assert Manifest.parse(written(asked), "here").previous_digest is None


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_half_a_pair_is_written_down_too(text):
    """Percent-encoding and JSON can say what is no character; it is JSON that a person can read, and no error."""
    content = written(original=text)
    assert json.loads(content)["original_file_name"] == text


def test_headers_that_are_worth_nothing_are_left_out():
    """Cookies among them."""
    content = written(headers={"set-cookie": "s3cret", "server": "x", "date": "today"})
    assert json.loads(content)["headers"] == {"date": "today"}


def test_it_is_light():
    """The processes that download import neither models nor clients."""
    heavy = "print({'pydantic', 'httpx'} & {name.partition('.')[0] for name in sys.modules})"
    command = f"import sys, airnub_core.store.manifest, airnub_core.http.workers; {heavy}"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
