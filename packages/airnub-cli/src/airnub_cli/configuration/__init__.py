"""Readers of the configuration files that several commands share; here, names of environments and of types of pools.

environment         `configs/environments/<name>.yaml`, and the merge of its overrides into the base configuration
registry            `configs/departments.yaml`: owners of departments; the forms of a department's name
generated_sections  sections of the root's files, generated from the registry
pools               work pools, and the base job templates of their types
entry_files         YAML files that each describe one object of the Prefect server
dotenv              `.env` and the environment: values of `${NAME}` in files, and variables that Prefect reads
"""

# No other import: options of commands need these names, and `--help` must be quick.
from typing import Literal, get_args

LOCAL = "local"
"""The environment of the committed root file and of `airnub dev`: each department's own sources."""

SAMPLE = "sample"
"""`local` with the sample sites as sources: used by Compose without a `.env`, and by `airnub dev --sample`."""

PoolType = Literal["docker", "process", "kubernetes"]
POOL_TYPES: tuple[PoolType, ...] = get_args(PoolType)
