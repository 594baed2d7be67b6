"""Names of environments and of types of work pools that options of commands have; without Pydantic, for `--help`."""

from typing import Literal, get_args

LOCAL = "local"
"""The environment of the committed root file and of `airnub dev`: each department's own sources."""

SAMPLE = "sample"
"""`local` with the sample sites as sources: of Compose without a `.env`, and of `airnub dev --sample`."""

PoolType = Literal["docker", "process", "kubernetes"]
POOL_TYPES: tuple[PoolType, ...] = get_args(PoolType)
