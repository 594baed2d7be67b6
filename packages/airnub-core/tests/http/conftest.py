"""What the tests of downloads share: one file that goes wrong beside one that does not, and what may be left of it."""

import asyncio

import pytest
from answers import requested
from recording import RecordingServer

from airnub_core import FileSource, Status
from airnub_core.http import retry
from airnub_core.http.file_sink import FileSink
from airnub_core.http.large_file import Buffers
from airnub_core.http.request import Transfer
from airnub_core.http.response import ResponseReader
from airnub_core.store.manifest import url_digest
from airnub_core.store.partials import WORTH_RESUMING, Partials, ResumeInfo
from airnub_core.store.stager import Stager

KEPT = ("index.sqlite", "lock")
"""Names of what a store keeps for itself."""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """The machine's own proxy is none of these tests' business."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    """What is asked again is so at once; how long a wait is has tests of its own, in `test_backoff`."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)


@pytest.fixture
def run_engine():
    """Run a coroutine that opens an engine by itself; what it returns."""
    return asyncio.run


@pytest.fixture
def files(tmp_path):
    """What lies in the store: of each file its path, and its bytes. Manifests are left out."""

    def read():
        found = (path for path in tmp_path.rglob("*") if path.is_file() and ".airnub" not in path.parts)
        return {str(path.relative_to(tmp_path)): path.read_bytes() for path in found if path.suffix != ".json"}

    return read


@pytest.fixture
def leftovers(tmp_path):
    """Sizes of the files in the hidden folder that belong neither to the index nor to a lock."""

    def find():
        hidden = (tmp_path / ".airnub").rglob("*")
        return [
            path.stat().st_size for path in hidden if path.is_file() and not any(name in path.name for name in KEPT)
        ]

    return find


@pytest.fixture
def fetch(run, network, files):
    """Fetch one file; its outcome and its bytes."""

    def one(url, **limits):
        [outcome] = run(FileSource(name="s", urls=[url]), network=network.model_copy(update=limits))
        return outcome, files().get(outcome.path)

    return one


@pytest.fixture
def stored(fetch):
    """Fetch one file, which must end stored; its bytes."""

    def one(url, **limits):
        outcome, body = fetch(url, **limits)
        assert outcome.kind in {Status.STORED, Status.UPDATED}, str(outcome.error)
        return body

    return one


@pytest.fixture
def fails(run, serve, network, files, leftovers):
    """Fetch one file, which must fail, and one after it, which must not; the error of the first.

    Nothing of the first may be left, and its message is a line that begins with its URL.
    """

    def one(url, *kinds, **limits):
        good = serve().url("told")
        bad, fine = run(FileSource(name="s", urls=[url, good]), network=network.model_copy(update=limits))
        assert bad.kind is Status.FAILED
        assert isinstance(bad.error, kinds), repr(bad.error)
        assert bad.attempts == bad.error.attempts
        assert (fine.kind, list(files().values())) == (Status.STORED, [b"fine"])
        assert leftovers() == []
        message = str(bad.error)
        assert message.startswith(f"{bad.error.url}: expected ")
        assert message.isprintable()
        assert len(message) < 1000
        return bad.error

    return one


@pytest.fixture
def job(network):
    """A job for a URL, with the limits of the tests unless others are named."""

    def make(url, number=0, headers=(), etag=None, last_modified=None, source="s", **limits):
        known = network.model_copy(update=limits).limits()
        validators = {"etag": etag, "last_modified": last_modified}
        return requested(url, source, number, known, headers=dict(headers), **validators)

    return make


@pytest.fixture
def staging_folder(tmp_path):
    """Where bodies are staged."""
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder


@pytest.fixture
def partials(tmp_path):
    """Where partial files wait."""
    return Partials(tmp_path / "hidden")


@pytest.fixture
def reported_by_sink():
    """Results, as the file sink tells them."""
    return []


@pytest.fixture
def file_sink(staging_folder, partials, reported_by_sink):
    """Where bodies come down; closed at the end, if it is not before."""
    made = FileSink(Stager(staging_folder, "a"), partials, Buffers(4, 1), reported_by_sink.append)
    closed = []
    close, made.close = made.close, lambda: closed.append(close()) if not closed else None
    yield made
    made.close()


@pytest.fixture
def new_transfer(file_sink):
    """What is on its way for a job, to the file sink."""
    return lambda job, **more: Transfer(job, file_sink, **more)


@pytest.fixture
def asked(job, new_transfer):
    """An answer that is waited for, to a job as in `job`."""
    return lambda url, **more: ResponseReader(new_transfer(job(url, **more)), [])


@pytest.fixture
def note():
    """What is known of a partial file, but for how much of it has come."""
    return ResumeInfo("s", "http://h/a", url_digest("http://h/a"), '"v1"', 0, "", 3 * WORTH_RESUMING)


@pytest.fixture
def recording():
    """Start servers that record what they are asked; the answer says how often each came."""
    started = []

    def start(answer=lambda _asked: (200, {}, b"fine"), host="127.0.0.1"):
        started.append(RecordingServer(answer, host))
        return started[-1]

    yield start
    for server in started:
        server.close()
