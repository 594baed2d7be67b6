"""Values of `store`, `index` and `datasets` in settings: a folder, a PostgreSQL URL, or a reference to a block."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainSerializer

from airnub_common import MASK, redact_url
from airnub_core.sources.base import SecretReference
from airnub_core.strict_model import StrictModel


class StoreBlock(StrictModel):
    """A reference to the Prefect block with location and credentials of a store in object storage."""

    block: Annotated[str, Field(pattern=r"^(s3-bucket|remote-file-system)/[a-z0-9][a-z0-9-]*$")]


class IndexBlock(StrictModel):
    """A reference to the Prefect Secret block with the URL of an index."""

    block: SecretReference


def _folder(store: str) -> str:
    if "://" in store:
        raise ValueError("expected a folder, or for object storage a block such as {block: s3-bucket/NAME}")
    if not store.strip():
        raise ValueError("expected a folder, found an empty text")
    return store


def _postgresql_url(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise ValueError("expected null, a URL like postgresql://host/database, or {block: secret/NAME}")
    if MASK in parts.netloc:
        raise ValueError("expected the credentials, found them masked (***); keep the URL in {block: secret/NAME}")
    return url


Folder = Annotated[str, AfterValidator(_folder)]
# Prefect stores the parameters of a flow. Passwords in URLs are masked there, and lost if settings are read back.
PostgresqlUrl = Annotated[
    str, AfterValidator(_postgresql_url), PlainSerializer(redact_url, return_type=str, when_used="json")
]
