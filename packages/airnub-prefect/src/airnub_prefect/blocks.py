"""Location and credentials of an object store, from a Prefect block or from environment variables.

Block documents are read as plain JSON, so that prefect-aws with boto3, and s3fs for Prefect's `RemoteFileSystem`, need
not be installed.
"""

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from airnub_common import sha256_hex
from airnub_core import BucketAddress, StoreLocation
from airnub_core.store.location import block_variable, bucket_url
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.paths import data_path
from airnub_prefect.secrets import read_secrets
from airnub_prefect.setting_values import IndexBlock, StoreBlock
from airnub_prefect.settings import StoreConfig

Document = Mapping[str, Any]


async def locate(config: StoreConfig) -> StoreLocation:
    """The location of the store and the index of a stage or a category.

    Raises:
        ConfigurationError: a block is missing or has an unsupported form, or there is no data root.
    """
    index = config.index
    if isinstance(index, IndexBlock):
        index = (await read_secrets([index.block]))[index.block].get_secret_value()
    if isinstance(config.store, str):
        return StoreLocation(data_path(config.store), index)
    address = await read_address(config.store)
    return StoreLocation(address, index, local_folder(config.store, address))


def local_folder(reference: StoreBlock, address: BucketAddress) -> Path:
    """The local folder for staged and cached files of a bucket.

    Its name contains a hash of bucket and endpoint: two buckets that one block names in turn must not share it.

    Raises:
        ConfigurationError: there is no data root.
    """
    place = sha256_hex(f"{address.name} {address.options.get('endpoint')}".encode())[:8]
    return data_path(f"data/{reference.block}-{place}")


async def read_address(reference: StoreBlock) -> BucketAddress:
    """The address of a bucket from a block, or from an environment variable if the block does not exist.

    Raises:
        ConfigurationError: both are missing, or the block has an unsupported form.
    """
    if find_spec("obstore") is None:
        raise ConfigurationError.of(
            reference.block,
            "stores in object storage need the extra airnub-prefect[buckets], which is not installed; add it to the "
            "dependencies of the department and run `uv sync`",
        )
    kind, _, name = reference.block.partition("/")
    async with get_client() as client:
        try:
            document = await client.read_block_document_by_name(name, kind)
        except ObjectNotFound:
            return _from_environment(reference)
    return _READERS[kind](reference.block, document.data)


def variable_name(reference: StoreBlock) -> str:
    """The environment variable that stands in for a block: `AIRNUB_STORE_DATA` for `s3-bucket/data`."""
    return block_variable(reference.block)


def _from_environment(reference: StoreBlock) -> BucketAddress:
    variable = variable_name(reference)
    url = os.environ.get(variable)
    if not url:
        raise ConfigurationError.of(
            "store",
            f"expected block {reference.block} on the Prefect server, found none; create it, or set {variable} in the "
            "environment to a URL such as s3://bucket/prefix, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    return BucketAddress(_bucket_url(variable, url))


def _s3_bucket(block: str, data: Document) -> BucketAddress:
    """The address in a block of prefect-aws: https://prefecthq.github.io/prefect-aws/s3/"""
    credentials = _mapping(block, data, "credentials")
    parameters = _mapping(block, credentials, "aws_client_parameters")
    for given, what in (
        (credentials.get("profile_name"), "profile_name"),
        (credentials.get("assume_role_arn"), "assume_role_arn"),
    ):
        if given:
            raise ConfigurationError.of(
                block, f"expected keys, or a role of the machine, found {what}, which is not supported"
            )
    if parameters.get("verify") is False:
        raise ConfigurationError.of(block, "expected verify to be true, found false: certificates are always verified")
    folder = _text(data.get("bucket_folder")).strip("/")
    url = f"s3://{_required(block, data, 'bucket_name')}/{quote(folder)}".rstrip("/")
    return BucketAddress(
        url,
        _given(
            access_key_id=credentials.get("aws_access_key_id") or credentials.get("minio_root_user"),
            secret_access_key=credentials.get("aws_secret_access_key") or credentials.get("minio_root_password"),
            session_token=credentials.get("aws_session_token"),
            region=credentials.get("region_name"),
            endpoint=parameters.get("endpoint_url"),
        ),
    )


def _remote_file_system(block: str, data: Document) -> BucketAddress:
    """The address in a `RemoteFileSystem` block of Prefect, whose settings are those of s3fs."""
    settings = _mapping(block, data, "settings")
    client = _mapping(block, settings, "client_kwargs")
    return BucketAddress(
        _bucket_url(block, _required(block, data, "basepath")),
        _given(
            access_key_id=settings.get("key") or client.get("aws_access_key_id"),
            secret_access_key=settings.get("secret") or client.get("aws_secret_access_key"),
            session_token=settings.get("token") or client.get("aws_session_token"),
            region=client.get("region_name"),
            endpoint=settings.get("endpoint_url") or client.get("endpoint_url"),
        ),
    )


_READERS: dict[str, Callable[[str, Document], BucketAddress]] = {
    "s3-bucket": _s3_bucket,
    "remote-file-system": _remote_file_system,
}


def _bucket_url(where: str, url: str) -> str:
    try:
        return bucket_url(url)
    except ValueError as error:
        raise ConfigurationError.of(where, str(error)) from None


def _mapping(block: str, data: Document, key: str) -> Document:
    value = data.get(key) or {}
    if not isinstance(value, dict):
        raise ConfigurationError.of(block, f"expected a mapping as {key}, found {type(value).__name__}")
    return value


def _required(block: str, data: Document, key: str) -> str:
    value = _text(data.get(key)).strip()
    if not value:
        raise ConfigurationError.of(block, f"expected {key}, found nothing")
    return value


def _given(**options: object) -> dict[str, str]:
    return {name: _text(value) for name, value in options.items() if value}


def _text(value: object) -> str:
    return "" if value is None else str(value)
