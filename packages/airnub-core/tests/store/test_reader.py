"""Reading a store: all of it over four questions, here answered from memory."""

from datetime import UTC, datetime

import pytest

from airnub_common import digest_of, sha256_hex
from airnub_core.errors import DamagedManifestError, DamagedObjectError, StoreError
from airnub_core.store.manifest import Manifest, url_digest
from airnub_core.store.reader import StoreReader, failure_of
from airnub_core.store.withdrawal import FOLDER, Withdrawal

HEX = sha256_hex(b"content")
OBJECT = f"s/{HEX[:2]}/{HEX}/a.csv"
MANIFEST = f"{OBJECT}.manifest.json"
AT = "2026-01-02T00:00:00+00:00"


class Memory(StoreReader):
    """A store whose bytes are in a dict."""

    name = "memory"

    def __init__(self, files):
        self.files = files

    def _content(self, path):
        if path not in self.files:
            raise FileNotFoundError(2, "No such object", path)
        return self.files[path]

    def _pieces(self, path):
        content = self._content(path)
        return (content[at : at + 3] for at in range(0, len(content), 3))

    def _paths(self, source=None, ending=""):
        return (path for path in sorted(self.files) if path.startswith(f"{source or 's'}/") and path.endswith(ending))

    def _withdrawal_paths(self):
        return (path for path in sorted(self.files) if path.startswith(FOLDER))


@pytest.fixture
def manifest():
    """The manifest of the object."""
    return Manifest(
        source="s", url="http://h/a", url_digest=url_digest("http://h/a"), final_url="http://h/a", path=OBJECT,
        file_name="a.csv", original_file_name="a.csv", digest=digest_of(b"content"), size=7,
        fetched_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


@pytest.fixture
def store(manifest):
    """A store of one object."""
    return Memory({OBJECT: b"content", MANIFEST: manifest.as_bytes()})


def test_an_object_is_read_whole_and_in_pieces(store):
    """And hashed again."""
    assert store.read(OBJECT, digest_of(b"content")) == b"content"
    assert list(store.pieces(OBJECT, digest_of(b"content"))) == [b"con", b"ten", b"t"]
    assert store.digest(OBJECT) == (digest_of(b"content"), 7)


@pytest.mark.parametrize("ask", [StoreReader.read, lambda *one: list(StoreReader.pieces(*one))])
def test_bytes_that_are_not_those_of_the_digest(store, ask):
    """Both digests are named, and where it lies."""
    store.files[OBJECT] = b"other"
    with pytest.raises(DamagedObjectError, match=f"memory/{OBJECT}: expected {digest_of(b'content')}, found sha256:"):
        ask(store, OBJECT, digest_of(b"content"))


def test_what_is_not_there(store):
    """Is an error with the reason of the system."""
    store.files.clear()
    for ask in (lambda: store.read(OBJECT, ""), lambda: list(store.pieces(OBJECT, "")), lambda: store.digest(OBJECT)):
        with pytest.raises(DamagedObjectError, match=f"memory/{OBJECT}: No such object"):
            ask()
    with pytest.raises(DamagedManifestError, match="No such object"):
        store.manifest(MANIFEST)


def test_objects_and_manifests(store, manifest):
    """Apart, by their names."""
    assert list(store.objects()) == [OBJECT]
    assert list(store.manifests()) == [(MANIFEST, manifest)]
    assert list(store.manifests("t")) == []


def test_a_manifest_in_the_wrong_folder(store, manifest):
    """It is an error that says where it belongs."""
    wrong = f"s/00/{'0' * 64}/a.csv.manifest.json"
    store.files[wrong] = manifest.as_bytes()
    with pytest.raises(DamagedManifestError, match=f"wrong folder: expected in the folder of {OBJECT}, found here"):
        store.manifest(wrong)
    assert [type(found) for _, found in store.manifests()] == [DamagedManifestError, Manifest]


def test_withdrawals(store, manifest):
    """The later one of a URL counts; a damaged one is an error, and counts as one of any manifest."""
    one = Withdrawal("s", manifest.url_digest, "http://h/a", AT, "gone")
    assert (list(store.withdrawals()), store._is_withdrawn(manifest), store._is_newer(one)) == ([], False, True)
    store.files[one.path] = one.as_bytes()
    assert list(store.withdrawals()) == [one]
    assert store._is_withdrawn(manifest)
    assert not store._is_newer(one)
    assert store._is_newer(one._replace(withdrawn_at="2026-01-03T00:00:00+00:00"))
    store.files[one.path] = b"{"
    assert [type(found) for found in store.withdrawals()] == [DamagedManifestError]
    assert store._is_withdrawn(manifest)
    assert store._is_newer(one)


def test_why_one_could_not_be_published():
    """An error of the system becomes one of the store; one of the store stays."""
    failure = failure_of(OSError(28, "No space left on device"), "there")
    assert (failure.path, failure.reason) == ("there", "No space left on device")
    assert isinstance(failure.__cause__, OSError)
    error = StoreError("there", "no")
    assert failure_of(error, "elsewhere") is error
