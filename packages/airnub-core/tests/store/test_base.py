"""What a store does, wherever it keeps its objects: the same tests on a folder and on a bucket; reading, in memory."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from airnub_common import digest_of, sha256_hex
from airnub_core import ContentStore, verify
from airnub_core.errors import DamagedManifestError, DamagedObjectError, StoreError
from airnub_core.store.base import PublishResult, Store, failure_of
from airnub_core.store.bucket import LARGE, Bucket
from airnub_core.store.bucket_store import BucketStore
from airnub_core.store.manifest import Manifest, url_digest
from airnub_core.store.withdrawal import FOLDER as WITHDRAWN
from airnub_core.store.withdrawal import Withdrawal

HEX = sha256_hex(b"content")
FOLDER = f"s/{HEX[:2]}/{HEX}"


class Contents(Protocol):
    """What lies in a store, changed behind its back; paths are relative to it."""

    def read(self, path: str) -> bytes | None:
        """The bytes at a path."""

    def replace(self, path: str, content: bytes) -> None:
        """Put bytes there, whatever is there."""

    def delete(self, path: str) -> None:
        """Remove what is there."""


@dataclass
class Folder:
    """The contents of a store in a folder."""

    root: Path

    def read(self, path):
        return (self.root / path).read_bytes()

    def replace(self, path, content):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content)

    def delete(self, path):
        (self.root / path).unlink()


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.system)])
def opened(request, tmp_path):
    """An empty store of each kind, and its contents."""
    store: Store
    contents: Contents
    if request.param == "folder":
        store, contents = ContentStore(tmp_path), Folder(tmp_path)
    else:
        address = request.getfixturevalue("s3").bucket()
        store, contents = BucketStore(address), Bucket(address)
    yield store, contents
    store.close()


@pytest.fixture
def store(opened):
    """An empty store."""
    return opened[0]


@pytest.fixture
def contents(opened):
    """What lies in it."""
    return opened[1]


@pytest.fixture
def publish(store, stage):
    """Publish bytes of a URL."""
    return lambda *arguments, **more: store.publish([stage(*arguments, **more)])[0]


def everything(store, contents):
    """The bytes of all objects and manifests by path."""
    paths = [*store.objects(), *(path for path, _ in store.manifests())]
    return {path: contents.read(path) for path in paths}


def test_an_object_lies_under_its_digest(store, publish, contents):
    """Its manifest lies beside it and says where it is; its bytes are those that were staged."""
    published = publish(name="../a.csv")
    name = published.path.rpartition("/")[2]
    assert published == PublishResult(f"{FOLDER}/{name}", f"{FOLDER}/{name}.manifest.json", new=True)
    assert store.read(published.path, digest_of(b"content")) == b"content"
    assert b"".join(store.pieces(published.path, digest_of(b"content"))) == b"content"
    assert store.digest(published.path) == (digest_of(b"content"), 7)
    assert store.has(published.path, 7)
    manifest = store.manifest(published.manifest_path)
    assert (manifest.path, manifest.original_file_name, manifest.size) == (published.path, "../a.csv", 7)
    assert contents.read(published.manifest_path) == manifest.as_bytes()
    assert list(store.objects()) == [published.path]
    assert list(store.manifests()) == [(published.manifest_path, manifest)]
    assert verify(store).damaged == []


@pytest.mark.parametrize("name", ["a.csv", "b.csv", "ü b~%20#[1].csv"])
def test_a_second_url_adds_a_manifest_of_its_own(store, publish, contents, name):
    """It names the file that is there; the first manifest is not touched."""
    publish()
    before = contents.read(f"{FOLDER}/a.csv.manifest.json")
    second = publish(url="http://h/b", name=name)
    suffix = url_digest("http://h/b")[:8]
    assert second == PublishResult(f"{FOLDER}/a.csv", f"{FOLDER}/a.csv.{suffix}.manifest.json", new=False)
    manifest = store.manifest(second.manifest_path)
    assert (manifest.path, manifest.file_name, manifest.original_file_name) == (second.path, "a.csv", name)
    assert sorted(everything(store, contents)) == sorted(
        [f"{FOLDER}/a.csv", f"{FOLDER}/a.csv.manifest.json", f"{FOLDER}/a.csv.{suffix}.manifest.json"]
    )
    assert contents.read(f"{FOLDER}/a.csv.manifest.json") == before


def test_the_same_url_again_changes_nothing(store, publish, contents):
    """Objects and manifests are never overwritten."""
    first, second = publish(), publish(url="http://h/b")
    before = everything(store, contents)
    assert publish(name="c.csv") == PublishResult(first.path, first.manifest_path, new=False)
    assert publish(url="http://h/b") == PublishResult(first.path, second.manifest_path, new=False)
    assert everything(store, contents) == before


def test_sources_are_apart(store, publish):
    """Equal bytes of two sources are two objects."""
    publish()
    assert publish(source="t").new
    assert sorted(store.objects()) == [f"{FOLDER}/a.csv", f"t/{HEX[:2]}/{HEX}/a.csv"]
    assert [path.partition("/")[0] for path, _ in store.manifests("t")] == ["t"]


@pytest.mark.parametrize("name", ["a b.csv", "ü~%23#[x]{y}.csv", "日本.csv", "x&y=1+2;@$!'(),^`.csv", "😀.csv"])
def test_names_of_all_kinds(store, publish, name):
    """They are found as they were written."""
    published = publish(name=name)
    assert published.path == f"{FOLDER}/{name}"
    assert list(store.objects()) == [published.path]
    assert store.read(published.path, digest_of(b"content")) == b"content"
    [(path, manifest)] = store.manifests()
    assert (path, manifest.file_name) == (published.manifest_path, name)


@pytest.mark.parametrize("content", [b"", b"0123456789abcdef" * (LARGE // 10)], ids=["empty", "large"])
def test_files_of_all_sizes(store, publish, content):
    """Nothing is something, too; what is large comes out in pieces."""
    published = publish(content)
    assert store.digest(published.path) == (digest_of(content), len(content))
    pieces = list(store.pieces(published.path, digest_of(content)))
    assert b"".join(pieces) == content
    assert max(map(len, pieces), default=0) < 4 << 20


def test_a_batch_keeps_its_order(store, stage):
    """Whatever is done first; twice the same is once the same."""
    batch = [stage(f"{number % 40}".encode(), url=f"http://h/{number}", name=f"{number}.csv") for number in range(60)]
    published = store.publish(batch)
    assert [one.path.rpartition("/")[0].rpartition("/")[2] for one in published] == [one.hex_digits for one in batch]
    assert len(list(store.objects())) == 40
    assert len(dict(store.manifests())) == 60
    assert sum(one.new for one in published) == 40
    assert store.publish([]) == []


@pytest.mark.parametrize("damage", [b"", b"conten", b"contentt"])
def test_a_damaged_object_is_mended_by_whole_bytes(store, publish, contents, damage):
    """What has not its size is no object."""
    published = publish()
    contents.replace(published.path, damage)
    assert publish(url="http://h/b", name="b.csv").path == published.path
    assert store.read(published.path, digest_of(b"content")) == b"content"
    assert verify(store).damaged == []


def test_a_lost_object_is_mended_by_whole_bytes(store, publish, contents):
    """Also when only manifests were left."""
    published = publish()
    contents.delete(published.path)
    assert publish().path == published.path
    assert store.read(published.path, digest_of(b"content")) == b"content"
    assert verify(store).damaged == []


def test_a_damaged_manifest_is_written_again(store, publish, contents):
    """It was of no use to anybody."""
    published = publish()
    contents.replace(published.manifest_path, b"{")
    assert isinstance(dict(store.manifests())[published.manifest_path], DamagedManifestError)
    assert publish().manifest_path == published.manifest_path
    assert store.manifest(published.manifest_path).url == "http://h/a"
    assert verify(store).damaged == []


def test_two_urls_of_the_same_first_digits_are_an_error(store, publish, contents, stage):
    """Once in four thousand million; it is told, and what is staged is left."""
    publish()
    own = publish(url="http://h/b").manifest_path
    other = replace(store.manifest(own), url_digest=url_digest("http://h/c"))
    contents.replace(own, other.as_bytes())
    refused = stage(url="http://h/b")
    [error] = store.publish([refused])
    assert isinstance(error, DamagedManifestError)
    assert "collision" in error.reason
    store.close()
    assert Path(refused.folder, "a.csv").read_bytes() == b"content"


def test_damaged_bytes_are_never_handed_on(store, publish, contents):
    """What is read is checked against the digest that it is read for; pieces are behind the last one."""
    published = publish()
    with pytest.raises(DamagedObjectError, match="expected sha256:"):
        store.read(published.path, digest_of(b"2"))
    contents.replace(published.path, b"CONTENT")
    with pytest.raises(DamagedObjectError, match="expected sha256:"):
        store.read(published.path, digest_of(b"content"))
    with pytest.raises(DamagedObjectError, match="expected sha256:"):
        list(store.pieces(published.path, digest_of(b"content")))


def test_manifests_are_listed_with_the_damaged_ones_as_errors(store, publish, contents):
    """In the order of their paths, of all sources or of one."""
    first, _, _ = publish(), publish(url="http://h/b"), publish(source="t")
    contents.replace(first.manifest_path, b"{")
    found = {path: type(manifest) for path, manifest in store.manifests()}
    assert list(found) == sorted(found)
    assert [found.pop(first.manifest_path), *(one.__name__ for one in found.values())] == [
        DamagedManifestError, "Manifest", "Manifest"
    ]  # fmt: skip
    assert [path.partition("/")[0] for path, _ in store.manifests("t")] == ["t"]


def test_a_manifest_in_the_wrong_place_is_damaged(store, publish, contents):
    """It names another folder than the one it lies in."""
    published = publish()
    wrong = f"t/00/{'0' * 64}/a.csv.manifest.json"
    contents.replace(wrong, contents.read(published.manifest_path))
    found = dict(store.manifests())[wrong]
    assert isinstance(found, DamagedManifestError)
    assert "wrong folder" in found.reason


def test_an_empty_store_is_empty(store):
    """No objects, no manifests."""
    assert (list(store.objects()), list(store.manifests()), list(store.manifests("s"))) == ([], [], [])


def test_a_batch(store, stage):
    """In its order; bytes that are there already are not new, and have the name that they had first."""
    store.publish([stage(b"1", url="http://h/0", name="first.csv")])
    batch = [stage(b"1", name="a.csv"), stage(b"2", url="http://h/b"), stage(b"1", source="t")]
    published = store.publish(batch)
    assert [one.new for one in published] == [False, True, True]
    assert [one.path.split("/")[2] for one in published] == [one.hex_digits for one in batch]
    assert published[0].path.endswith("/first.csv")
    assert store.manifest(published[0].manifest_path).original_file_name == "a.csv"
    assert [path.partition("/")[0] for path, _ in store.manifests("t")] == ["t"]
    assert (len(list(store.objects())), len(list(store.manifests()))) == (3, 4)
    store.close()
    assert not any(Path(one.folder).exists() for one in batch)


def test_what_is_published_can_be_made_durable(store, stage):
    """Again, and whatever made it so before; only a folder takes logs."""
    published = store.publish([stage(b"1"), stage(b"2", url="http://h/b")])
    store.make_durable(one.path for one in published)
    store.make_durable([])
    assert store.takes_logs == isinstance(store, ContentStore)


def test_what_is_not_there(store):
    """Each is an error with its place, but for what can be asked whether it is."""
    missing = f"s/ab/{'ab' * 32}/a.csv"
    with pytest.raises(DamagedObjectError, match=missing):
        store.read(missing, digest_of(b"content"))
    with pytest.raises(DamagedObjectError, match=missing):
        list(store.pieces(missing, digest_of(b"content")))
    with pytest.raises(DamagedObjectError, match=missing):
        store.digest(missing)
    with pytest.raises(DamagedManifestError, match=missing):
        store.manifest(f"{missing}.manifest.json")
    assert (list(store.objects()), list(store.manifests()), store.publish([])) == ([], [], [])


def test_what_is_removed_is_gone(store, stage):
    """Objects and manifests, one by one; then the same bytes are new again."""
    [published] = store.publish([stage(b"1")])
    store.remove(published.path)
    assert (list(store.objects()), len(list(store.manifests()))) == ([], 1)
    store.remove(published.manifest_path)
    assert list(store.manifests()) == []
    [again] = store.publish([stage(b"1")])
    assert again.new


OBJECT = f"{FOLDER}/a.csv"
MANIFEST = f"{OBJECT}.manifest.json"
AT = "2026-01-02T00:00:00+00:00"


class Memory(Store):
    """A store whose bytes are in a dict: reading needs no more than the abstract methods."""

    name = "memory"
    publish = make_durable = close = has = withdraw = remove = None  # not needed for reading

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
        return (path for path in sorted(self.files) if path.startswith(WITHDRAWN))


@pytest.fixture
def manifest():
    """The manifest of the object."""
    return Manifest(
        source="s", url="http://h/a", url_digest=url_digest("http://h/a"), final_url="http://h/a", path=OBJECT,
        file_name="a.csv", original_file_name="a.csv", digest=digest_of(b"content"), size=7,
        fetched_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


@pytest.fixture
def in_memory(manifest):
    """A store of one object."""
    return Memory({OBJECT: b"content", MANIFEST: manifest.as_bytes()})


def test_an_object_is_read_whole_and_in_pieces(in_memory):
    """And hashed again."""
    assert in_memory.read(OBJECT, digest_of(b"content")) == b"content"
    assert list(in_memory.pieces(OBJECT, digest_of(b"content"))) == [b"con", b"ten", b"t"]
    assert in_memory.digest(OBJECT) == (digest_of(b"content"), 7)


@pytest.mark.parametrize("ask", [Store.read, lambda *one: list(Store.pieces(*one))])
def test_bytes_that_are_not_those_of_the_digest(in_memory, ask):
    """Both digests are named, and where it lies."""
    in_memory.files[OBJECT] = b"other"
    with pytest.raises(DamagedObjectError, match=f"memory/{OBJECT}: expected {digest_of(b'content')}, found sha256:"):
        ask(in_memory, OBJECT, digest_of(b"content"))


def test_what_is_not_in_memory(in_memory):
    """Is an error with the reason of the system."""
    in_memory.files.clear()
    for ask in (
        lambda: in_memory.read(OBJECT, ""),
        lambda: list(in_memory.pieces(OBJECT, "")),
        lambda: in_memory.digest(OBJECT),
    ):
        with pytest.raises(DamagedObjectError, match=f"memory/{OBJECT}: No such object"):
            ask()
    with pytest.raises(DamagedManifestError, match="No such object"):
        in_memory.manifest(MANIFEST)


def test_objects_and_manifests(in_memory, manifest):
    """Apart, by their names."""
    assert list(in_memory.objects()) == [OBJECT]
    assert list(in_memory.manifests()) == [(MANIFEST, manifest)]
    assert list(in_memory.manifests("t")) == []


def test_a_manifest_in_the_wrong_folder(in_memory, manifest):
    """It is an error that says where it belongs."""
    wrong = f"s/00/{'0' * 64}/a.csv.manifest.json"
    in_memory.files[wrong] = manifest.as_bytes()
    with pytest.raises(DamagedManifestError, match=f"wrong folder: expected in the folder of {OBJECT}, found here"):
        in_memory.manifest(wrong)
    assert [type(found) for _, found in in_memory.manifests()] == [DamagedManifestError, Manifest]


def test_withdrawals(in_memory, manifest):
    """The later one of a URL counts; a damaged one is an error, and counts as one of any manifest."""
    one = Withdrawal("s", manifest.url_digest, "http://h/a", AT, "gone")
    assert (list(in_memory.withdrawals()), in_memory._is_withdrawn(manifest), in_memory._is_newer(one)) == (
        [],
        False,
        True,
    )
    in_memory.files[one.path] = one.as_bytes()
    assert list(in_memory.withdrawals()) == [one]
    assert in_memory._is_withdrawn(manifest)
    assert not in_memory._is_newer(one)
    assert in_memory._is_newer(one._replace(withdrawn_at="2026-01-03T00:00:00+00:00"))
    in_memory.files[one.path] = b"{"
    assert [type(found) for found in in_memory.withdrawals()] == [DamagedManifestError]
    assert in_memory._is_withdrawn(manifest)
    assert in_memory._is_newer(one)


def test_why_one_could_not_be_published():
    """An error of the system becomes one of the store; one of the store stays."""
    failure = failure_of(OSError(28, "No space left on device"), "there")
    assert (failure.path, failure.reason) == ("there", "No space left on device")
    assert isinstance(failure.__cause__, OSError)
    error = StoreError("there", "no")
    assert failure_of(error, "elsewhere") is error
