"""The file of an environment: what is different there from how departments, pools and `configs/variables/` say it."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, StrictBool

from airnub_prefect.errors import ConfigurationError
from airnub_prefect.validation import load_yaml

LOCAL = "local"
"""The environment of the committed root file, of Compose and of `airnub dev`."""

PoolType = Literal["docker", "process", "kubernetes"]
POOL_TYPES: tuple[PoolType, ...] = get_args(PoolType)

# As Docker takes it before an image's name: a host, perhaps a port and a path; no scheme, no slash at the end.
Registry = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PoolOverlay(_Strict):
    """What an environment has instead of a pool that departments name."""

    name: str | None = None
    """The pool that deployments go to instead."""
    job_variables: dict[str, Any] = {}
    """For every deployment in it; laid over what the department wrote."""


class EnvironmentFile(_Strict):
    """One file of `configs/environments/`."""

    description: Annotated[str, Field(min_length=1)]
    kind: PoolType = "docker"
    """Of the work pools: what a run is, a container, a process or a pod."""
    registry: Registry | None = None
    """Where images are, named by the digest of their content; without one they are those that Compose builds."""
    pools: dict[str, PoolOverlay] = {}
    """By the name that departments write."""
    schedules: StrictBool | dict[str, StrictBool] = {}
    """All on or off; or by `deployment/slug`, and what is not named stays as its department wrote it."""
    limits: dict[str, PositiveInt] = {}
    """Runs at a time, by deployment."""
    variables: dict[str, dict[str, dict[str, Any]]] = {}
    """By department and stage: laid over `configs/variables/<department>/<stage>.yaml` by `airnub apply`."""


def environments(root: Path) -> list[str]:
    """The names of all environments of a checkout."""
    return sorted(path.stem for path in _folder(root).glob("*.yaml"))


def load_environment(root: Path, name: str) -> EnvironmentFile:
    """The environment of that name.

    Raises:
        ConfigurationError: there is none, or its file has mistakes.
    """
    known = environments(root)
    if name not in known:
        said = ", ".join(known) or "none"
        raise ConfigurationError.of(_folder(root), f"expected an environment, found {name!r}; there are {said}")
    return load_yaml(EnvironmentFile, environment_file(root, name))


def environment_file(root: Path, name: str) -> Path:
    """Where an environment is written."""
    return _folder(root) / f"{name}.yaml"


def _folder(root: Path) -> Path:
    return root / "configs" / "environments"
