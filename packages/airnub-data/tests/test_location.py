import json
import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from airnub_core import BucketAddress
from airnub_core.errors import StoreError
from airnub_data import Limits, Location, make_dataset, scan_dataset
from airnub_data.location import STAGE
from airnub_data.versions import history, rollback, vacuum

HEADER = b"id,price,at\n"


def rows(location, orders):
    return [
        (number, int(price)) for number, price in scan_dataset(location, orders).select("id", "price").collect().rows()
    ]


@pytest.mark.parametrize(
    ("root", "other", "within"),
    [
        (Path("a/b"), Path("a"), True),
        (Path("a"), Path("a"), True),
        (Path("a/../ab"), Path("a"), False),
        (Path("a"), Path("a/b"), False),
        (BucketAddress("s3://x/a/b"), BucketAddress("s3://x/a/"), True),
        (BucketAddress("s3://x/ab"), BucketAddress("s3://x/a"), False),
        (BucketAddress("s3://x/a", {"endpoint": "http://one"}), BucketAddress("s3://x/a"), False),
        (Path("a"), BucketAddress("s3://x/a"), False),
    ],
)
def test_a_place_within_another(root, other, within):
    """Paths are compared by whole folder names; equal buckets of different endpoints are different."""
    assert Location(root).is_within(other) is within


def test_a_dataset_in_a_bucket_is_made_like_one_in_a_folder(fill, store, bucket, orders):
    """Tables, quarantine, copy and versions are in the bucket; staged rows are in a local folder."""
    fill({"a": HEADER + b"1,1,2024-03-01T00:00:00Z\nx,1,\n"})
    made = make_dataset(orders, store, bucket, limits=Limits("100%", "100%"))
    assert (made.version, rows(bucket, orders)) == (0, [(1, 1)])
    fill({"a": HEADER + b"1,2,2024-04-01T00:00:00Z\n"})
    assert make_dataset(orders, store, bucket).version == 1
    assert rows(bucket, orders) == [(1, 2)]
    assert not make_dataset(orders, store, bucket).changed
    copy = pl.read_parquet(bucket.uri("orders.parquet"), storage_options=bucket.options)
    assert copy["price"].cast(pl.Int64).to_list() == [2]
    assert rollback(bucket, "orders", 0) == 2
    assert rows(bucket, orders) == [(1, 1)]
    assert [commit.version for commit in history(bucket, "orders")] == [2, 1, 0]
    assert vacuum(bucket, "orders", dry_run=True) == []
    lists = list(bucket.listed("orders/_airnub"))
    assert list(bucket.listed("orders/_airnub", before=datetime(2000, 1, 1, tzinfo=UTC))) == []
    assert list(bucket.listed("orders/_airnub", before=datetime(2999, 1, 1, tzinfo=UTC))) == lists != []
    assert (bucket.local / STAGE / "orders").is_dir()


def test_a_bucket_without_a_local_folder_says_so():
    """Staging rows of a bucket without a local folder is an error."""
    with pytest.raises(StoreError, match="expected a local folder for staged rows"):
        _ = Location(BucketAddress("s3://data")).stage


def test_a_bucket_that_is_not_there_is_an_error(fill, store, endpoint, tmp_path, orders):
    """A missing bucket is an error without secrets in its message, and is not created."""
    options = {"access_key_id": "me", "secret_access_key": "s3cret", "region": "us-east-1", "endpoint": endpoint}
    location = Location(BucketAddress("s3://none/team", options), tmp_path / "local")
    fill({"a": HEADER + b"1,1,\n"})
    with pytest.raises(StoreError) as caught:
        make_dataset(orders, store, location)
    assert "s3cret" not in json.dumps(str(caught.value))


def test_a_file_appears_whole_and_a_kept_one_stays(location, tmp_path):
    """A published file is renamed, or linked if it is kept."""
    for name, keep in (("moved", False), ("kept", True)):
        source = tmp_path / name
        source.write_text(name)
        location.place(source, f"table/{name}", keep=keep)
        assert location.read(f"table/{name}") == name.encode()
        assert source.exists() is keep
    assert list(location.listed("table")) == ["table/kept", "table/moved"]
    location.remove("table/kept")
    location.remove("table/kept")
    assert not location.has("table/kept")
    assert location.read("table/kept") is None


def test_a_file_that_is_kept_gets_the_age_of_its_new_place(location):
    """A kept file gets a fresh timestamp, since vacuum removes old unreferenced files."""
    file = location.temporary("orders")
    file.write_bytes(b"rows")
    os.utime(file, (1, 1))
    began = file.parent.stat().st_mtime - 1  # by the clock of the file system
    location.place(file, "orders/staged.parquet", keep=True)
    assert (location.root / "orders" / "staged.parquet").stat().st_mtime > began
