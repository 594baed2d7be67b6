"""Provenance: what is written beside the bytes, and what `Manifest` makes of it."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airnub_common import redact_url
from airnub_core.store.manifest import Manifest, url_digest
from airnub_core.store.provenance import HEADERS_WORTH_KEEPING, Asked, manifest_of

URL = "https://me:pass@example.org/a.csv?token=s3cret"
HEX = "ab" * 32
TEXT = st.text(st.characters(codec="utf-8"))
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
AT = "2026-01-02T03:04:05.678901+00:00"
ASKED = st.builds(
    Asked,
    source=TEXT,
    url=TEXT,
    url_digest=DIGESTS,
    page=st.none() | TEXT,
    title=st.none() | TEXT,
    previous_digest=st.none() | DIGESTS.map("sha256:{}".format),
)
NAMES = st.sampled_from(sorted(HEADERS_WORTH_KEEPING)) | TEXT


def written(asked=None, final_url=URL, headers=(), original="a.csv", **others):
    """The manifest of some bytes."""
    asked = asked or Asked("s", URL, url_digest(URL))
    fixed = {"hex_digits": HEX, "size": 7, "file_name": "a.csv", "original": original, "sent_at": AT}
    return manifest_of(asked, final_url, dict(headers), **fixed | others)


def test_it_says_where_the_bytes_came_from():
    """Every field, with URLs redacted and times in UTC."""
    asked = Asked("s", URL, url_digest(URL), "https://example.org/?key=s3cret", "A title", f"sha256:{'0' * 64}")
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
    DIGESTS,
    st.lists(DIGESTS.map("sha256:{}".format)).map(tuple),
)
@example(
    Asked('"\\', "\u2028</script>", "0" * 64, "\x7f", "\x00\x1f\t\n"),
    "",
    {"etag": '"\u00fc"'},
    "\U0001f600",
    "",
    0,
    HEX,
    (),
)
def test_it_is_what_the_model_writes(asked, final_url, headers, file_name, original, size, hex_digits, derived_from):
    """To the byte, whatever letters servers use: whoever reads a manifest and writes it again changes nothing."""
    content = manifest_of(
        asked,
        final_url,
        headers,
        hex_digits=hex_digits,
        size=size,
        file_name=file_name,
        original=original,
        sent_at=AT,
        derived_from=derived_from,
    )
    manifest = Manifest.parse(content, "here")
    assert manifest.as_bytes() == content
    assert (manifest.source, manifest.title, manifest.file_name) == (asked.source, asked.title, file_name)
    assert (manifest.original_file_name, manifest.size, manifest.derived_from) == (original, size, derived_from)
    assert manifest.headers == {name: value for name, value in headers.items() if name in HEADERS_WORTH_KEEPING}


@pytest.mark.parametrize("microsecond", [0, 1, 500_000])
def test_the_time_is_written_as_the_model_writes_it(microsecond):
    """Also in the one microsecond of a million that has no fraction."""
    content = written(sent_at=datetime(2026, 1, 2, 3, 4, 5, microsecond, UTC).isoformat())
    assert Manifest.parse(content, "here").as_bytes() == content


def test_equal_bytes_have_no_digest_before():
    """A URL that brings the same bytes again is no new version."""
    asked = Asked("s", URL, url_digest(URL), previous_digest=f"sha256:{HEX}")
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
    command = f"import sys, airnub_core.store.provenance, airnub_core.http.worker; {heavy}"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
