"""The content store in object storage, on a real S3 server."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from airnub_common import digest_of, sha256_hex
from airnub_core.errors import StoreError
from airnub_core.store.bucket import LARGE, Bucket
from airnub_core.store.bucket_store import BucketStore
from airnub_core.store.layout import Staged
from airnub_core.store.location import BucketAddress
from airnub_core.store.manifest import Manifest, url_digest

HEX = sha256_hex(b"content")
FOLDER = f"s/{HEX[:2]}/{HEX}"


@pytest.fixture
def address(s3):
    """Of an empty bucket."""
    return s3.bucket()


@pytest.fixture
def bucket(address):
    """What lies in it."""
    return Bucket(address)


@pytest.fixture
def opened():
    """Open a store."""
    stores = []

    def open_store(address):
        stores.append(BucketStore(address))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def store(opened, address):
    """An empty store."""
    return opened(address)


@pytest.fixture
def stage(tmp_path):
    """Stage bytes of a URL."""
    count = iter(range(10**6))

    def one(content=b"content", url="http://h/a", name="a.csv", source="s"):
        folder = tmp_path / "staging" / str(next(count))
        folder.mkdir(parents=True)
        (folder / name).write_bytes(content)
        hex_digits = sha256_hex(content)
        manifest = Manifest(
            source=source,
            url=url,
            url_digest=url_digest(url),
            final_url=url,
            path=f"{source}/{hex_digits[:2]}/{hex_digits}/{name}",
            file_name=name,
            original_file_name=name,
            digest=f"sha256:{hex_digits}",
            size=len(content),
            fetched_at=datetime.now(UTC),
        )
        (folder / f"{name}.manifest.json").write_bytes(manifest.as_bytes())
        return Staged(str(folder), source, name, hex_digits, len(content), manifest.url_digest)

    return one


@pytest.fixture
def publish(store, stage):
    """Publish bytes of a URL."""
    return lambda *arguments, **more: store.publish([stage(*arguments, **more)])[0]


def names(bucket):
    """What lies in the folder of the one object."""
    return sorted(key.removeprefix(f"{FOLDER}/") for key in bucket.listed() if key.startswith(FOLDER))


def left(tmp_path):
    """What is staged."""
    return [path for path in (tmp_path / "staging").rglob("*") if path.is_file()]


def test_where_it_is_and_what_it_leaves(store, address, publish, tmp_path):
    """Its name is its URL; nothing is left of what was staged in the end."""
    assert store.name == address.url
    assert publish().new
    store.close()
    assert list((tmp_path / "staging").iterdir()) == []


def test_what_a_new_file_costs(s3, address, publish, stage, store):
    """Three puts and nothing else, after a first look; two and three gets for a further URL of the same bytes."""
    publish(b"first")
    looked = len(s3.requests(address))
    publish()
    asked = s3.requests(address)
    assert [(method, key) for method, key, _ in asked[looked:]] == [
        ("PUT", f"{FOLDER}/.name"),
        ("PUT", f"{FOLDER}/a.csv"),
        ("PUT", f"{FOLDER}/a.csv.manifest.json"),
    ]
    publish(url="http://h/b", name="b.csv")
    own = f"{FOLDER}/a.csv.{url_digest('http://h/b')[:8]}.manifest.json"
    assert [(method, key) for method, key, _ in s3.requests(address)[len(asked) :]] == [
        ("PUT", f"{FOLDER}/.name"),
        ("GET", f"{FOLDER}/.name"),
        ("HEAD", f"{FOLDER}/a.csv"),
        ("GET", f"{FOLDER}/a.csv.manifest.json"),
        ("PUT", own),
    ]


def test_the_first_look_happens_once(s3, address, publish, opened, stage):
    """A bucket that was written to is known to keep conditions, and is asked for that with one request."""
    publish()
    before = len(s3.requests(address))
    again = opened(address)
    again.publish([stage(b"other")])
    again.publish([stage(b"another")])
    assert len(s3.requests(address)) == before + 1 + 3 + 3
    assert sum("list-type" in query for _, _, query in s3.requests(address)) == 1


@pytest.mark.parametrize("size", [7, LARGE + 1], ids=["small", "in parts"])
def test_workers_that_bring_equal_bytes_at_once(address, opened, stage, bucket, size):
    """Eight of them, each with another name and URL: one object, eight manifests that name it."""
    content = b"x" * size
    stores = [opened(address) for _ in range(8)]
    batches = [[stage(content, f"http://h/{number}", f"{number}.csv")] for number in range(8)]
    at_once = threading.Barrier(8)

    def work(store, batch):
        at_once.wait()
        return store.publish(batch)[0]

    with ThreadPoolExecutor(8) as workers:
        published = list(workers.map(work, stores, batches))
    [path] = stores[0].objects()
    assert {one.path for one in published} == {path}
    assert bucket.size(path) == size
    manifests = dict(stores[0].manifests())
    assert set(manifests) == {one.manifest_path for one in published}
    assert {manifest.url for manifest in manifests.values()} == {f"http://h/{number}" for number in range(8)}
    assert {manifest.path for manifest in manifests.values()} == {path}


def test_processes_that_bring_the_same_set_at_once(address, stage, store):
    """Three of them, 12 files each, the same bytes under other names: 12 objects, 12 of them new."""
    code = f"""
import sys
from airnub_core.store.location import BucketAddress
from airnub_core.store.bucket_store import BucketStore
from airnub_core.store.layout import Staged
store = BucketStore(BucketAddress({address.url!r}, {dict(address.options)!r}))
sys.stdin.readline()
print(sum(one.new for one in store.publish(eval(sys.stdin.readline()))))
store.close()
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for worker, process in enumerate(processes):
        batch = [stage(f"{number}".encode(), f"http://h/{number}", f"{worker}.csv") for number in range(12)]
        process.stdin.write(f"\n{batch!r}\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0] for process in processes]
    assert sum(map(int, answers)) == 12
    assert len(list(store.objects())) == 12
    manifests = dict(store.manifests())
    assert {manifest.path for manifest in manifests.values()} == set(store.objects())
    assert len({manifest.url for manifest in manifests.values()}) == 12


@pytest.mark.parametrize("lost", [{"a.csv"}, {".name"}, {"a.csv.manifest.json"}, {".name", "a.csv"}])
@pytest.mark.parametrize("name", ["a.csv", "b.csv"])
def test_what_was_lost_comes_back(store, publish, bucket, lost, name):
    """A run that ended between two puts, or a hand that removed: the next run mends it."""
    publish()
    for one in lost:
        bucket.delete(f"{FOLDER}/{one}")
    published = publish(name=name)
    assert store.read(published.path, digest_of(b"content")) == b"content"
    assert store.manifest(published.manifest_path).path == published.path


def test_large_files(store, stage, s3, address):
    """They go in parts and come out in pieces."""
    content = b"0123456789abcdef" * (LARGE // 10)
    [published] = store.publish([stage(content)])
    assert published.new
    assert store.digest(published.path) == (digest_of(content), len(content))
    [again] = store.publish([stage(content, url="http://h/b")])
    assert (again.path, again.new) == (published.path, False)
    assert s3.unfinished(address) == 0


def test_what_is_removed_is_gone(store, publish, bucket):
    """With its name: the next to bring the bytes may call them as he likes."""
    published = publish()
    store.remove(published.manifest_path)
    store.remove(published.path)
    store.remove(published.path)
    assert names(bucket) == []
    assert publish(name="b.csv").path == f"{FOLDER}/b.csv"


def test_an_object_beside_the_named_one_is_removed_alone(store, publish, bucket):
    """The name of the other stays."""
    publish()
    bucket.create(f"{FOLDER}/b.csv", b"content")
    store.remove(f"{FOLDER}/b.csv")
    assert names(bucket) == [".name", "a.csv", "a.csv.manifest.json"]


def test_a_store_that_was_copied_here(store, opened, publish, bucket, stage, s3):
    """From a folder, which has no names for digests: they are given before anything is added."""
    publish()
    publish(b"other", name="o.csv")
    elsewhere = s3.bucket()
    for key in bucket.listed():
        if not key.endswith("/.name") and not key.startswith("."):
            Bucket(elsewhere).create(key, bucket.read(key))
    moved = opened(elsewhere)
    [published] = moved.publish([stage(url="http://h/b", name="b.csv")])
    assert (published.path, published.new) == (f"{FOLDER}/a.csv", False)
    assert list(moved.objects()) == list(store.objects())
    assert len(dict(moved.manifests())) == 3


def test_many_manifests_come_in_order(store, stage):
    """However many are read at a time."""
    store.publish([stage(f"{number}".encode(), name=f"{number}.csv") for number in range(70)])
    paths = [path for path, _ in store.manifests()]
    assert len(paths) == 70
    assert paths == sorted(paths)
    assert paths == [f"{path}.manifest.json" for path in store.objects()]


def test_what_is_not_ours_is_left_alone(store, publish, bucket):
    """Other keys below the prefix, and hidden ones, are neither objects nor manifests."""
    published = publish()
    for key in ("readme.txt", "s/ab/x", ".airnub/ab/x/y", f"{FOLDER}/.half", "a/b/c/d/e.manifest.json"):
        bucket.create(key, b"x")
    assert list(store.objects()) == [published.path]
    assert [path for path, _ in store.manifests()] == [published.manifest_path]


def test_a_server_that_ignores_conditions_is_refused(s3, opened, stage, tmp_path):
    """Two workers would overwrite each other; nothing that is staged is lost."""
    store = opened(s3.bucket("careless"))
    for _ in range(2):
        with pytest.raises(StoreError, match="found one that ignores them"):
            store.publish([stage()])
    assert len(left(tmp_path)) == 4


def test_a_name_that_somebody_else_wrote(store, publish, bucket):
    """It leads nowhere outside of its folder."""
    bucket.create(f"{FOLDER}/.name", b"../../x")
    refused = publish()
    assert isinstance(refused, StoreError)
    assert "expected a file name, found '../../x'; remove this key" in refused.reason


def test_a_batch_that_fails_can_be_published_again(s3, opened, stage, tmp_path):
    """Whatever of it was there already; nothing that is staged is removed before all of it is."""
    batch = [stage(f"{number}".encode()) for number in range(50)]
    with pytest.raises(StoreError, match="create it, or correct its name"):
        opened(s3.address("s3://not-yet-there/x")).publish(batch)
    assert len(left(tmp_path)) == 100
    s3.ask("PUT", "/not-yet-there")
    store = opened(s3.address("s3://not-yet-there/x"))
    assert all(one.new for one in store.publish(batch))
    store.close()
    assert left(tmp_path) == []


def test_what_was_published_waits_for_the_index(store, stage, tmp_path):
    """A run that is killed before its index knows finds it staged; the next batch means that it does."""
    store.publish([stage(b"first")])
    assert len(left(tmp_path)) == 2
    [second] = store.publish([stage(b"second")])
    assert {path.parent.name for path in left(tmp_path)} == {"1"}
    assert second.new


def test_a_folder_by_way_of_object_storage(tmp_path, opened, stage):
    """The same protocol, and `.name` hides from a store in a folder."""
    from airnub_core import ContentStore

    (tmp_path / "store").mkdir()
    store = opened(BucketAddress(f"file://{tmp_path}/store"))
    published = store.publish([stage()])[0]
    assert list(ContentStore(tmp_path / "store").objects()) == [published.path]
