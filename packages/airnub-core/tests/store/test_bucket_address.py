"""Addresses in object storage."""

import pickle

from airnub_core.store.bucket_address import BucketAddress

ADDRESS = BucketAddress("s3://me:hunter2@bucket/prefix/", {"secret_access_key": "hunter2", "region": "eu-west-1"})


def test_it_shows_no_secret():
    """What is logged is where, and which options there are."""
    assert repr(ADDRESS) == "BucketAddress('s3://***@bucket/prefix', region, secret_access_key)"
    assert str(ADDRESS) == repr(ADDRESS)
    assert repr(BucketAddress("s3://bucket")) == "BucketAddress('s3://bucket', no options)"
    assert ADDRESS.name == "s3://***@bucket/prefix"


def test_it_reaches_other_processes():
    """Whole, with what opens the bucket."""
    again = pickle.loads(pickle.dumps(ADDRESS))
    assert again == ADDRESS
    assert again.options["secret_access_key"] == "hunter2"
    assert hash(again) == hash(ADDRESS)
