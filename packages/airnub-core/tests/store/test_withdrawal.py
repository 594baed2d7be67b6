"""Withdrawals as files of a store, in a folder and in a bucket."""

import json

import pytest

from airnub_core import StoreLocation, reindex, verify
from airnub_core.errors import DamagedManifestError
from airnub_core.store.gc import collect
from airnub_core.store.manifest import url_digest
from airnub_core.store.withdrawal import Withdrawal, withdrawal_path

AT = "2026-01-05T00:00:00.250000+00:00"
A = Withdrawal("s", url_digest("http://h/a"), "http://h/a?token=***", AT, "status 404 in two runs in a row")
B = Withdrawal("t", url_digest("http://h/b"), "http://h/b", "2026-01-06T00:00:00+00:00", "store forget")


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.system)])
def place(request, tmp_path):
    """An empty store of each kind."""
    if request.param == "folder":
        return StoreLocation(tmp_path / "store")
    return StoreLocation(request.getfixturevalue("s3").bucket(), None, tmp_path / "local")


@pytest.fixture
def store(place):
    """It, opened."""
    opened = place.store()
    yield opened
    opened.close()


def damage(store, path):
    """Cut a file of a store."""
    if hasattr(store, "root"):
        (store.root / path).write_bytes(b"{")
    else:
        store._bucket.replace(path, b"{")


def test_it_is_read_as_it_was_written():
    """To the microsecond; what a later release adds is left alone."""
    assert Withdrawal.parse(A.as_bytes(), "here") == A
    more = json.loads(A.as_bytes()) | {"by": "a person"}
    assert Withdrawal.parse(json.dumps(more).encode(), "here") == A


def test_a_store_keeps_withdrawals(store):
    """In the order of their paths; of two of one URL the later one. They are neither objects nor manifests."""
    store.withdraw([B, A])
    assert list(store.withdrawals()) == [A, B]
    later = A._replace(withdrawn_at="2026-01-07T00:00:00+00:00")
    store.withdraw([later])
    store.withdraw([A])
    assert list(store.withdrawals()) == [later, B]
    assert (list(store.objects()), list(store.manifests())) == ([], [])


def test_garbage_collection_leaves_them(place, store):
    """Nothing refers to them, and they are needed."""
    store.withdraw([A])
    assert collect(place).found == []
    assert list(store.withdrawals()) == [A]


def test_a_damaged_one_is_named(place, store):
    """By verification and by a new index; a new withdrawal of the URL mends it."""
    store.withdraw([A, B])
    damage(store, A.path)
    [error, whole] = store.withdrawals()
    assert (type(error), whole) == (DamagedManifestError, B)
    assert error.path.endswith(withdrawal_path("s", A.url_digest))
    assert verify(store).damaged == reindex(place).damaged == [error]
    store.withdraw([A])
    assert list(store.withdrawals()) == [A, B]
