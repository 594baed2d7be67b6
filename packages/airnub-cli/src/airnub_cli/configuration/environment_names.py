"""Names of environments and work pool types for command options; without Pydantic, for a quick `--help`."""

from typing import Literal, get_args

LOCAL = "local"
"""The environment of the committed root file and of `airnub dev`: each department's own sources."""

SAMPLE = "sample"
"""`local` with the sample sites as sources: used by Compose without a `.env`, and by `airnub dev --sample`."""

PoolType = Literal["docker", "process", "kubernetes"]
POOL_TYPES: tuple[PoolType, ...] = get_args(PoolType)
