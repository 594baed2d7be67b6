"""Addresses in object storage."""

import pickle
from pathlib import Path

import pytest

from airnub_core.errors import StoreError
from airnub_core.store.location import BucketAddress, StoreLocation, block_variable, bucket_url

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


def test_a_block_has_a_variable_that_stands_in_for_it():
    """In upper case, without the kind of block."""
    assert block_variable("s3-bucket/airnub-data") == "AIRNUB_STORE_AIRNUB_DATA"


@pytest.mark.parametrize("url", ["bucket", "file:///data", "s3://", "s3:///", "s3://me:hunter2@bucket/x", ""])
def test_what_is_no_url_of_a_bucket(url):
    """The form is named; what was given may hold a secret, and is not."""
    with pytest.raises(ValueError, match=r"expected a URL such as s3://bucket/prefix, without credentials$"):
        bucket_url(url)


def test_a_url_of_a_bucket_has_no_slash_at_its_end():
    """So what is in it is named in one way."""
    assert bucket_url("s3://bucket/prefix/") == bucket_url("s3://bucket/prefix") == "s3://bucket/prefix"


def test_a_folder_is_a_location():
    """With its index beside it; a location stays what it is."""
    location = StoreLocation.at(Path("store"))
    assert location == StoreLocation(Path("store"))
    assert StoreLocation.at(location) is location
    assert (location.name, location.hidden) == ("store", Path("store/.airnub"))


def test_a_bucket_needs_a_local_folder_for_writing():
    """What is on its way lies there; its name shows no secret."""
    location = StoreLocation(ADDRESS, local=Path("local"))
    assert (location.name, location.hidden) == ("s3://***@bucket/prefix", Path("local/.airnub"))
    with pytest.raises(StoreError, match="expected a local folder"):
        _ = StoreLocation(ADDRESS).hidden
