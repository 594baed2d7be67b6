"""The engine."""

import asyncio
import json

import pytest

from airnub_common import digest_of
from airnub_core import FileSource, Kind, ingest_files, open_engine
from airnub_core.errors import ConnectionFailedError, HttpStatusError, StoreError, TruncatedBodyError
from airnub_core.sample_site import Reply


def ingest(root, network, *urls, force=False):
    """Fetch URLs of one source; their outcomes."""

    async def run():
        async with open_engine(root, network, force=force) as engine:
            return await ingest_files(engine, [FileSource(name="weather", urls=urls)])

    return asyncio.run(run())


def test_a_file_is_stored_with_its_manifest(site, network, tmp_path):
    """The object lies under its digest, equals the bytes served, and its manifest says where it came from."""
    site.routes["/a.csv"] = Reply(b"1,2\n", headers={"Content-Type": "text/csv"})
    [outcome] = ingest(tmp_path, network, site.url("/a.csv"))
    digest = digest_of(b"1,2\n")
    hex_digits = digest.removeprefix("sha256:")
    assert (outcome.kind, outcome.digest, outcome.size) == (Kind.STORED, digest, 4)
    assert outcome.path == f"weather/{hex_digits[:2]}/{hex_digits}/a.csv"
    assert (tmp_path / outcome.path).read_bytes() == b"1,2\n"
    manifest = json.loads((tmp_path / outcome.manifest).read_bytes())
    assert manifest["url"] == site.url("/a.csv")
    assert manifest["digest"] == digest
    assert manifest["content_type"] == "text/csv"


def test_second_run_is_unchanged(site, network, tmp_path):
    """A known URL is asked with its validators, and nothing is stored again."""
    site.routes["/a.csv"] = Reply(b"1\n")
    ingest(tmp_path, network, site.url("/a.csv"))
    before = sorted(path for path in tmp_path.rglob("*") if ".airnub" not in path.parts)
    [outcome] = ingest(tmp_path, network, site.url("/a.csv"))
    assert outcome.kind is Kind.UNCHANGED
    assert "if-none-match" in site.asked[1].headers
    assert before == sorted(path for path in tmp_path.rglob("*") if ".airnub" not in path.parts)


def test_new_bytes_are_a_new_version(site, network, tmp_path):
    """A changed file is another object, whose manifest names the one before; a return to old bytes costs no object."""
    for body, kind in [(b"1", Kind.STORED), (b"2", Kind.UPDATED), (b"1", Kind.UPDATED), (b"1", Kind.UNCHANGED)]:
        site.routes["/a"] = Reply(body)
        [outcome] = ingest(tmp_path, network, site.url("/a"))
        assert outcome.kind is kind
        assert (tmp_path / outcome.path).read_bytes() == body
    assert len(list(tmp_path.glob("weather/??/*"))) == 2


def test_equal_bytes_are_stored_once(site, network, tmp_path):
    """A second URL with the same bytes adds a manifest, not an object."""
    site.routes |= {"/a.csv": Reply(b"same"), "/b.csv": Reply(b"same")}
    first, second = ingest(tmp_path, network, site.url("/a.csv"), site.url("/b.csv"))
    assert (first.kind, second.kind) == (Kind.STORED, Kind.STORED)
    assert first.path == second.path
    assert first.manifest != second.manifest
    [folder] = tmp_path.glob("weather/??/*")
    assert len(list(folder.iterdir())) == 3
    assert {outcome.kind for outcome in ingest(tmp_path, network, site.url("/a.csv"), site.url("/b.csv"))} == {
        Kind.UNCHANGED
    }


def test_failures_do_not_stop_the_others(site, network, tmp_path, unused_port):
    """A 404, a refused connection and a body that stops early fail with true messages; the rest is stored."""
    site.routes["/ok"] = Reply(b"fine")
    site.routes["/cut"] = Reply(b"17 bytes and then", headers={"Content-Length": "48219"})
    dead = f"http://127.0.0.1:{unused_port}/x"
    ok, missing, refused, cut = ingest(tmp_path, network, site.url("/ok"), site.url("/missing"), dead, site.url("/cut"))
    assert ok.kind is Kind.STORED
    assert missing.error == HttpStatusError(site.url("/missing"), 404)
    assert isinstance(refused.error, ConnectionFailedError)
    assert cut.error == TruncatedBodyError(site.url("/cut"), 48219, 17)
    assert str(cut.error) == (
        f"{site.url('/cut')}: expected 48,219 bytes (Content-Length), received 17 bytes and then the end"
    )
    assert len(list(tmp_path.glob("*/??/*"))) == 1
    assert not list((tmp_path / ".airnub" / "staging").glob("*/*"))


def test_what_may_heal_is_retried(site, network, tmp_path):
    """A 503 that heals is one stored item after three attempts; a 404 is asked once."""
    answers = iter([Reply(status=503), Reply(status=429, headers={"Retry-After": "0"}), Reply(b"at last")])
    site.routes["/shaky"] = lambda _asked: next(answers)
    patient = network.model_copy(update={"attempts": 4})
    healed, missing = ingest(tmp_path, patient, site.url("/shaky"), site.url("/missing"))
    assert (healed.kind, healed.attempts) == (Kind.STORED, 3)
    assert (missing.kind, missing.attempts) == (Kind.FAILED, 1)


def test_force_fetches_again(site, network, tmp_path):
    """With force no validators are sent; equal bytes are still unchanged."""
    site.routes["/a"] = Reply(b"x")
    ingest(tmp_path, network, site.url("/a"))
    [outcome] = ingest(tmp_path, network, site.url("/a"), force=True)
    assert outcome.kind is Kind.UNCHANGED
    assert "if-none-match" not in site.asked[1].headers


@pytest.mark.parametrize("harm", ["removed", "cut"])
def test_a_lost_object_is_fetched_again(site, network, tmp_path, harm):
    """An object that was deleted comes back by itself, a damaged one with force; both as stored or unchanged."""
    site.routes["/a"] = Reply(b"precious")
    [first] = ingest(tmp_path, network, site.url("/a"))
    path = tmp_path / first.path
    path.unlink() if harm == "removed" else path.write_bytes(b"prec")
    ingest(tmp_path, network, site.url("/a"), force=harm == "cut")
    assert path.read_bytes() == b"precious"


def test_a_store_that_cannot_be_written_fails_the_run(site, network, tmp_path):
    """A file where the store should be is an error of the run, with its path."""
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(StoreError) as error:
        ingest(tmp_path / "store", network, site.url("/a"))
    assert str(tmp_path / "store") in str(error.value)
