"""Stores and indexes by block."""

import asyncio

import pytest

from airnub_core import BucketAddress, StoreLocation
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.setting_values import IndexBlock, StoreBlock
from airnub_prefect.settings import CategoryConfig


@pytest.fixture(scope="session")
def save(prefect_api):
    """Save a block."""
    from aws_blocks import AwsCredentials, MinIOCredentials, S3Bucket
    from prefect.filesystems import RemoteFileSystem

    def save(name, credentials=None, *, stored=False, minio=False, **data):
        if "basepath" in data:
            RemoteFileSystem(**data).save(name, overwrite=True)
            return
        block = None if credentials is None else (MinIOCredentials if minio else AwsCredentials)(**credentials)
        if stored:
            block.save(name, overwrite=True)
        S3Bucket(credentials=block, **data).save(name, overwrite=True)

    return save


KEYS = {"aws_access_key_id": "the-id", "aws_secret_access_key": "hunter2"}


def read(block):
    """The address that a block holds."""
    from airnub_prefect.blocks import read_address

    return asyncio.run(read_address(StoreBlock(block=block)))


def find(data_root, store, index=None):
    """Where things are."""
    from airnub_prefect.blocks import locate

    return asyncio.run(locate(CategoryConfig(store=store, index=index, network={}, sources=[], package="p")))


@pytest.mark.parametrize("stored", [False, True], ids=["inside", "a block of its own"])
def test_an_s3_bucket(save, stored):
    """Its name, its folder, and what its credentials say, be they inside or a block of their own."""
    more = {"aws_session_token": "t", "region_name": "eu-west-1", "aws_client_parameters": {"endpoint_url": "http://h"}}
    save("of-tests-1", KEYS | more, stored=stored, bucket_name="bucket", bucket_folder="/a b/ü/")
    address = read("s3-bucket/of-tests-1")
    assert address == BucketAddress(
        "s3://bucket/a%20b/%C3%BC",
        {
            "access_key_id": "the-id",
            "secret_access_key": "hunter2",
            "session_token": "t",
            "region": "eu-west-1",
            "endpoint": "http://h",
        },
    )
    assert "hunter2" not in repr(address)


def test_a_bucket_of_minio(save):
    """Its credentials have other names."""
    save("of-tests-2", {"minio_root_user": "u", "minio_root_password": "hunter2"}, minio=True, bucket_name="bucket")
    expected = BucketAddress("s3://bucket", {"access_key_id": "u", "secret_access_key": "hunter2"})
    assert read("s3-bucket/of-tests-2") == expected


def test_a_bucket_without_keys(save):
    """They come from the environment or from the machine's role."""
    save("of-tests-3", {"region_name": "eu-west-1"}, bucket_name="bucket")
    assert read("s3-bucket/of-tests-3") == BucketAddress("s3://bucket", {"region": "eu-west-1"})
    save("of-tests-3", bucket_name="bucket")
    assert read("s3-bucket/of-tests-3") == BucketAddress("s3://bucket")


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ({"profile_name": "me"}, "found profile_name, which is not supported"),
        ({"assume_role_arn": "arn"}, "found assume_role_arn, which is not supported"),
        ({"aws_client_parameters": {"verify": False}}, "certificates are always verified"),
    ],
)
def test_unsupported_credentials(save, credentials, expected):
    """They are an error, since without them a different account would be used."""
    save("of-tests-4", KEYS | credentials, bucket_name="bucket")
    with pytest.raises(ConfigurationError, match=f"s3-bucket/of-tests-4: .*{expected}"):
        read("s3-bucket/of-tests-4")


def test_a_bucket_without_a_name(save):
    """It is nowhere."""
    save("of-tests-5", bucket_name=" ")
    with pytest.raises(ConfigurationError, match="s3-bucket/of-tests-5: expected bucket_name, found nothing"):
        read("s3-bucket/of-tests-5")


def test_a_remote_file_system(save):
    """With the settings of s3fs, which needs not be installed."""
    settings = {"key": "the-id", "secret": "hunter2", "client_kwargs": {"endpoint_url": "http://h", "region_name": "r"}}
    save("of-tests-6", basepath="s3://bucket/prefix/", settings=settings)
    options = {"access_key_id": "the-id", "secret_access_key": "hunter2", "region": "r", "endpoint": "http://h"}
    assert read("remote-file-system/of-tests-6") == BucketAddress("s3://bucket/prefix", options)


@pytest.mark.parametrize("basepath", ["memory://x", "s3://key:hunter2@bucket/x", "sftp://me:hunter2@host/x"])
def test_remote_file_systems_that_are_none_of_ours(save, basepath):
    """The URL is not repeated."""
    save("of-tests-7", basepath=basepath)
    with pytest.raises(ConfigurationError, match="expected a URL such as s3://bucket/prefix") as error:
        read("remote-file-system/of-tests-7")
    assert "hunter2" not in str(error.value)


def test_invalid_settings(save):
    """The error names the setting."""
    save("of-tests-8", basepath="s3://bucket/x", settings={"client_kwargs": ["hunter2"]})
    with pytest.raises(ConfigurationError, match="expected a mapping as client_kwargs, found list"):
        read("remote-file-system/of-tests-8")


def test_the_environment_stands_in(prefect_api, monkeypatch):
    """Without a block a URL is, and credentials are where the tools of AWS look for them."""
    monkeypatch.setenv("AIRNUB_STORE_NO_BLOCK_1", "s3://bucket/prefix/")
    assert read("s3-bucket/no-block-1") == BucketAddress("s3://bucket/prefix")
    monkeypatch.setenv("AIRNUB_STORE_NO_BLOCK_1", "s3://key:hunter2@bucket")
    with pytest.raises(ConfigurationError, match=r"AIRNUB_STORE_NO_BLOCK_1: expected a URL .* without credentials"):
        read("s3-bucket/no-block-1")


def test_a_missing_block(prefect_api, monkeypatch):
    """The error names the block and the environment variable."""
    monkeypatch.setenv("AIRNUB_STORE_GONE", "")
    expected = "expected block s3-bucket/gone on the Prefect server, found none; create it, or set AIRNUB_STORE_GONE"
    with pytest.raises(ConfigurationError, match=expected):
        read("s3-bucket/gone")


def test_a_folder(data_root):
    """Its location is found without a server."""
    location = find(data_root, "data/x")
    assert location == StoreLocation(data_root / "data/x")
    url = "postgresql://me:hunter2@host/db"
    assert find(data_root, "/x", url).index == url
    assert "hunter2" not in repr(find(data_root, "/x", url))


def test_an_index_by_block(prefect_api, data_root, monkeypatch):
    """Its URL is a secret."""
    monkeypatch.setenv("AIRNUB_SECRET_OF_AN_INDEX", "postgresql://me:hunter2@host/db")
    location = find(data_root, "x", IndexBlock(block="secret/of-an-index"))
    assert location.index == "postgresql://me:hunter2@host/db"
    assert "hunter2" not in repr(location)


def test_a_bucket_has_a_folder_of_this_machine(prefect_api, data_root, monkeypatch):
    """Another one when the name leads to another bucket: what was known of the first says nothing of the second."""
    folders = set()
    for url in "s3://bucket/a", "s3://bucket/b", "s3://bucket/a":
        monkeypatch.setenv("AIRNUB_STORE_LOCAL", url)
        location = find(data_root, StoreBlock(block="s3-bucket/local"))
        assert location.objects == BucketAddress(url)
        assert location.local.parent == data_root / "data" / "s3-bucket"
        folders.add(location.local)
    assert len(folders) == 2
