"""What a store does, wherever it keeps its objects: a folder and a bucket behave alike."""

from pathlib import Path

import pytest

from airnub_common import digest_of
from airnub_core import ContentStore, verify
from airnub_core.errors import DamagedManifestError, DamagedObjectError
from airnub_core.store.bucket_store import BucketStore
from airnub_core.store.protocol import PublishResult, Store


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path):
    """An empty store of each kind."""
    opened: Store
    if request.param == "folder":
        opened = ContentStore(tmp_path)
    else:
        opened = BucketStore(request.getfixturevalue("s3").bucket())
    yield opened
    opened.close()


def test_an_object_and_its_manifest(store, stage):
    """What was staged is found under its digest, and its bytes and its manifest are those that were staged."""
    staged = stage(b"content", name="../a.csv")
    [published] = store.publish([staged])
    folder = f"s/{staged.hex_digits[:2]}/{staged.hex_digits}"
    assert published == PublishResult(
        f"{folder}/{staged.file_name}", f"{folder}/{staged.file_name}.manifest.json", new=True
    )
    assert store.read(published.path, digest_of(b"content")) == b"content"
    assert store.digest(published.path) == (digest_of(b"content"), 7)
    assert store.has(published.path, 7)
    manifest = store.manifest(published.manifest_path)
    assert (manifest.path, manifest.original_file_name, manifest.size) == (published.path, "../a.csv", 7)
    assert list(store.objects()) == [published.path]
    assert list(store.manifests()) == [(published.manifest_path, manifest)]
    assert verify(store).damaged == []


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


def test_the_same_url_again(store, stage):
    """Nothing is written twice: it has the manifest that it had."""
    [first] = store.publish([stage(b"1")])
    before = list(store.manifests())
    [again] = store.publish([stage(b"1")])
    assert again == PublishResult(first.path, first.manifest_path, new=False)
    assert list(store.manifests()) == before


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


def test_damaged_bytes_are_never_handed_on(store, stage):
    """What is read is checked against the digest that it is read for."""
    [published] = store.publish([stage(b"1")])
    with pytest.raises(DamagedObjectError, match="expected sha256:"):
        store.read(published.path, digest_of(b"2"))
