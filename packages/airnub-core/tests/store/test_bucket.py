"""Buckets, on a real S3 server."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from airnub_core.errors import StoreError
from airnub_core.store import bucket as bucket_module
from airnub_core.store.bucket import LARGE, MEMORY, Bucket
from airnub_core.store.location import BucketAddress

NAMES = ["a b.csv", "ü~%23#[x]{y}.csv", "50%.csv", "a%20b", "日本.csv", "x&y=1+2;@$!'(),^`.csv", "e\u0301", "+"]


@pytest.fixture
def address(s3):
    """Of an empty bucket."""
    return s3.bucket()


@pytest.fixture
def bucket(address):
    """An empty bucket."""
    return Bucket(address)


@pytest.fixture
def large(tmp_path):
    """A file that goes in parts, the last of them smaller."""
    path = tmp_path / "large"
    path.write_bytes(b"large" * (LARGE // 2))
    return path


def message(ask):
    """What the error says."""
    with pytest.raises(StoreError) as error:
        ask()
    assert "hunter2" not in f"{error.value!r} {error.value}"
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__
    return str(error.value)


def test_what_is_there_is_not_touched(bucket):
    """Creating says who was first."""
    assert bucket.create("key", b"first")
    assert not bucket.create("key", b"second")
    assert bucket.read("key") == b"first"


def test_what_is_replaced_is_gone(bucket, tmp_path):
    """Whatever it was."""
    (tmp_path / "file").write_bytes(b"second")
    bucket.create("key", b"first")
    bucket.replace("key", tmp_path / "file")
    assert bucket.read("key") == b"second"


def test_what_is_not_there(bucket):
    """It has no bytes and no size, and removing it is nothing."""
    assert (bucket.read("none"), bucket.size("none"), bucket.pieces("none")) == (None, None, None)
    bucket.delete("none")
    assert list(bucket.listed()) == list(bucket.listed("none")) == []


@pytest.mark.parametrize("name", NAMES)
def test_names_of_all_kinds(bucket, name):
    """A key is what it was called."""
    assert bucket.create(f"s/{name}", b"x")
    assert not bucket.create(f"s/{name}", b"y")
    assert (list(bucket.listed("s/")), bucket.read(f"s/{name}"), bucket.size(f"s/{name}")) == ([f"s/{name}"], b"x", 1)
    bucket.delete(f"s/{name}")
    assert list(bucket.listed()) == []


@pytest.mark.parametrize("prefix", ["", "x", "a b/ü"])
def test_prefixes_are_apart(s3, prefix):
    """Two stores of one bucket see nothing of each other."""
    outer = s3.bucket(prefix="")
    inner = Bucket(BucketAddress(f"{outer.url}other", outer.options))
    bucket = Bucket(BucketAddress(outer.url + prefix, outer.options))
    bucket.create("s/key", b"x")
    assert list(inner.listed()) == []
    assert list(bucket.listed("s/")) == ["s/key"]
    assert list(Bucket(outer).listed()) == [f"{prefix}/s/key".lstrip("/")]


def test_folders_are_no_beginnings_of_names(bucket):
    """`s` is not `st`."""
    bucket.create("s/a", b"")
    bucket.create("st/a", b"")
    assert list(bucket.listed("s/")) == ["s/a"]


def test_large_files_go_in_parts(bucket, large, s3, address):
    """They come out as they went in, once; a second time nothing is sent."""
    assert bucket.create("key", large)
    assert b"".join(bucket.pieces("key")) == large.read_bytes()
    parts = [query for method, _, query in s3.requests(address) if method == "PUT"]
    assert len(parts) == 3
    assert not bucket.create("key", large)
    assert len([one for one in s3.requests(address) if one[0] == "PUT"]) == 3


class Watched(type(Path())):
    """A file; something happens when it has been read to its end."""

    def at_the_end(self):
        """Nothing, unless a test says so."""

    @contextmanager
    def open(self, mode):
        """The file, and what happens."""
        with super().open(mode) as file:
            read = file.read
            yield SimpleNamespace(read=lambda size: read(size) or self.at_the_end())


def test_a_large_file_that_came_meanwhile_stays(bucket, large, s3, address):
    """It is looked again before the last part; what was sent in vain is given up."""
    watched = Watched(large)
    watched.at_the_end = lambda: Bucket(address).replace("key", b"was faster") or b""
    assert not bucket.create("key", watched)
    assert bucket.read("key") == b"was faster"
    assert s3.unfinished(address) == 0


def test_large_files_are_replaced(bucket, large):
    """In parts, too."""
    bucket.create("key", b"damaged")
    bucket.replace("key", large)
    assert bucket.size("key") == large.stat().st_size


def test_very_large_files_have_no_more_parts_than_allowed(bucket, large, s3, address, monkeypatch):
    """Parts grow instead."""
    monkeypatch.setattr(bucket_module, "MAX_PARTS", 2)
    bucket.create("key", large)
    assert len([one for one in s3.requests(address) if one[0] == "PUT"]) == 2


@pytest.mark.system
def test_memory_is_bounded(address, tmp_path):
    """Of 100 MiB, and of many files at a time, no more than `MEMORY` and a bit is held."""
    sparse, many = tmp_path / "sparse", tmp_path / "many"
    for path, size in (sparse, 100 << 20), (many, LARGE):
        with path.open("wb") as file:
            file.truncate(size)
    code = f"""
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from airnub_core.store.bucket import Bucket
from airnub_core.store.location import BucketAddress
bucket = Bucket(BucketAddress({address.url!r}, {dict(address.options)!r}))
bucket.size("key")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
bucket.create("sparse", Path({str(sparse)!r}))
with ThreadPoolExecutor(16) as workers:
    list(workers.map(lambda number: bucket.create(f"many/{{number}}", Path({str(many)!r})), range(16)))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(answer.stdout) * 1024 < MEMORY + (32 << 20)


def test_one_of_many_is_first(bucket):
    """However many try at once."""
    at_once = threading.Barrier(8)

    def create(number):
        at_once.wait()
        return bucket.create("key", str(number).encode())

    with ThreadPoolExecutor(8) as workers:
        created = list(workers.map(create, range(8)))
    assert created.count(True) == 1
    assert bucket.read("key") == str(created.index(True)).encode()


def test_a_bucket_that_is_not_there(s3, tmp_path):
    """It is told apart from a key that is not, and what to do is said."""
    bucket = Bucket(s3.address("s3://nowhere/at/all"))
    for ask in (
        lambda: bucket.create("key", b""),
        lambda: bucket.replace("key", b""),
        lambda: bucket.read("key"),
        lambda: bucket.pieces("key"),
        lambda: list(bucket.listed()),
    ):
        said = message(ask)
        assert said.startswith("s3://nowhere/at/all: expected a bucket, found none of this name at http://127.0.0.1:")
        assert "(404 NoSuchBucket); create it, or correct its name" in said


def test_nobody_at_the_endpoint(unused_port):
    """It is tried a few times."""
    options = {
        "access_key_id": "hunter2",
        "secret_access_key": "hunter2",
        "endpoint": f"http://127.0.0.1:{unused_port}",
    }
    said = message(lambda: Bucket(BucketAddress("s3://bucket", options)).read("key"))
    assert f"expected an object store at http://127.0.0.1:{unused_port}, found no response" in said


def test_credentials_that_nobody_knows(s3, address):
    """The block is named as the place to look at; what was sent is not shown."""
    s3.ask("POST", "/moto-api/reset-auth", b"0")
    try:
        said = message(lambda: Bucket(address).create("key", b""))
    finally:
        s3.ask("POST", "/moto-api/reset-auth", b"inf")
    assert "expected valid credentials for the object store at http" in said
    assert "(403 InvalidAccessKeyId); correct its block" in said


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            "403 Forbidden|<Error><Code>AccessDenied</Code></Error>",
            "expected permission to read, list, write and delete",
        ),
        ("301 Moved|<Error><Code>PermanentRedirect</Code></Error>", "found it elsewhere; set its region"),
        ("501 Not Implemented|<Error><Code>NotImplemented</Code></Error>", "with conditional puts"),
        ("400 Bad Request|<Error><Code>Odd</Code><Key>hunter2</Key></Error>", "found an internal error (400 Odd)"),
        ("401 Unauthorized|hunter2", "expected valid credentials for the object store"),
    ],
)
def test_what_a_server_refuses(raw_server, answer, told):
    """Its code is told with what to do; the rest of its answer is not."""
    status, _, body = answer.partition("|")
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    raw_server.answer = (head + body).encode()
    options = {"access_key_id": "hunter2", "secret_access_key": "hunter2", "endpoint": raw_server.url("")}
    assert told in message(lambda: Bucket(BucketAddress("s3://bucket", options)).create("key", b""))


@pytest.mark.parametrize(
    ("url", "options"), [("s4://bucket", {}), ("bucket", {}), ("s3://bucket", {"no_such_option": "hunter2"})]
)
def test_addresses_that_are_none(url, options):
    """They are told before anything is asked."""
    assert message(lambda: Bucket(BucketAddress(url, options))).startswith(f"{url}: expected an object store, found: ")


def test_a_folder_is_object_storage_too(tmp_path):
    """The same calls, the same answers."""
    bucket = Bucket(BucketAddress(f"file://{tmp_path}"))
    assert bucket.create("a/b", b"x")
    assert not bucket.create("a/b", b"y")
    assert (bucket.read("a/b"), bucket.size("a/b"), list(bucket.listed())) == (b"x", 1, ["a/b"])
    assert bucket.read("none") is None


def test_memory_is_taken_in_turns():
    """Who wants more than there is takes all of it; whoever fails gives back."""
    allowance = bucket_module._Allowance(10)
    with allowance.take(4), allowance.take(6):
        pass
    with pytest.raises(KeyError), allowance.take(100):
        raise KeyError
    with allowance.take(100):
        assert allowance._free == 0
    assert allowance._free == 10
