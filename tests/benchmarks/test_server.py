"""The server of the benchmarks, and the proxy that simulates distance."""

import ssl

import httpx
import pytest

from benchmarks.ingest import server
from benchmarks.ingest.latency import distant
from benchmarks.ingest.sets import Shape, made

pytestmark = pytest.mark.skipif(not server.is_installed(), reason=f"needs nginx and openssl: {server.INSTALL}")


@pytest.fixture
def files(tmp_path):
    return made(tmp_path, Shape("tiny", 2, 2_000))


def test_files_are_served_plainly_and_over_tls(tmp_path, files):
    """The certificate is self-signed; files have validators, and their folder can be listed."""
    with server.serve(tmp_path) as running:
        trusting = ssl.create_default_context(cafile=str(running.certificate))
        for base in (running.plain, running.tls):
            with httpx.Client(verify=trusting, trust_env=False) as client:
                for url, name in zip(files.urls(base), files.digests, strict=True):
                    answer = client.get(url)
                    assert answer.content == (tmp_path / "tiny" / name).read_bytes()
                    assert "ETag" in answer.headers
                assert "000001.bin" in client.get(f"{base}/tiny/").text


def test_distance_changes_no_byte(tmp_path, files):
    """The proxy forwards data unchanged, on one connection after another."""
    with server.serve(tmp_path) as running, distant(running.port, round_trip=0.002) as base:
        for _ in range(2):
            with httpx.Client(trust_env=False) as client:
                for url, name in zip(files.urls(base), files.digests, strict=True):
                    assert client.get(url).content == (tmp_path / "tiny" / name).read_bytes()
