"""The address of a store in object storage; it crosses the borders of processes, and shows no secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from airnub_common import redact_url

PREFIX = "AIRNUB_STORE_"
"""Of environment variables that stand in for blocks of the Prefect server."""


@dataclass(frozen=True, slots=True, repr=False)
class BucketAddress:
    """A bucket, where in it, and how to get in."""

    url: str
    """`s3://bucket/prefix`, `gs://bucket/prefix`, or another that obstore knows."""
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    """As obstore names them: `access_key_id`, `secret_access_key`, `region`, `endpoint`, …; what is missing comes from
    the environment: https://developmentseed.org/obstore/latest/api/store/aws/"""

    @property
    def name(self) -> str:
        """The URL as it may be shown."""
        return redact_url(self.url).rstrip("/")

    def __repr__(self) -> str:
        """The URL, and which options there are: their values may be secrets."""
        return f"BucketAddress({self.name!r}, {', '.join(sorted(self.options)) or 'no options'})"


def block_variable(block: str) -> str:
    """The environment variable that stands in for a block, with the URL of a bucket.

    >>> block_variable("s3-bucket/airnub-data")
    'AIRNUB_STORE_AIRNUB_DATA'
    """
    return PREFIX + block.partition("/")[2].upper().replace("-", "_")


def bucket_url(url: str) -> str:
    """A URL of a bucket, without a slash at its end.

    Raises:
        ValueError: it is of another form, or has credentials in it.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in {"s3", "gs", "az"} or not rest.strip("/") or "@" in rest.partition("/")[0]:
        raise ValueError("expected a URL such as s3://bucket/prefix, without credentials")
    return url.rstrip("/")
