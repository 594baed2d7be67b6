"""The address of a store in object storage; it crosses the borders of processes, and shows no secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from airnub_common import redact_url


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
