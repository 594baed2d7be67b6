"""Environments: `configs/environments/<name>.yaml`, what is different there from how the other files say it.

```yaml
description: Everything on one machine.
kind: docker                     # of all pools, in place of what their files say
notifications: slack-webhook/{department}    # which block tells contacts of failed runs
variables:                       # laid over configs/variables/<department>/<stage>.yaml
  project_alpha:
    ingestion:
      network: {requests_per_second_per_host: 1}
```

`local` needs no file: nothing is different there then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, StrictBool

from airnub_cli.configuration.overlay import overlaid_file
from airnub_prefect.errors import ConfigurationError, Mistake
from airnub_prefect.places import shown
from airnub_prefect.validation import checked, nearest, nearest_or_all
from airnub_prefect.yaml_file import YamlFile, read_yaml

LOCAL = "local"
"""The environment of the committed root file, of Compose and of `airnub dev`."""

PoolType = Literal["docker", "process", "kubernetes"]
POOL_TYPES: tuple[PoolType, ...] = get_args(PoolType)

NOTIFICATIONS = r"^[a-z0-9][a-z0-9-]*/(?:[a-z0-9-]|\{department\})+$"

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
    kind: PoolType | None = None
    """Of all work pools: what a run is, a container, a process or a pod; without it, each pool's file says so."""
    registry: Registry | None = None
    """Where images are, named by the digest of their content; without one they are those that Compose builds."""
    pools: dict[str, PoolOverlay] = {}
    """By the name that departments write."""
    schedules: StrictBool | dict[str, StrictBool] = {}
    """All on or off; or by `deployment/slug`, and what is not named stays as its department wrote it."""
    limits: dict[str, PositiveInt] = {}
    """Runs at a time, by deployment."""
    notifications: Annotated[str, Field(pattern=NOTIFICATIONS)] | None = None
    """The block that tells contacts of runs that failed, as `TYPE/NAME`, such as `slack-webhook/operators`;
    `{department}` in the name is the department's command. Without one nobody is told."""
    variables: dict[str, dict[str, dict[str, Any]]] = {}
    """By department and stage: laid over `configs/variables/<department>/<stage>.yaml` by `airnub apply`."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment, and the names of all."""

    name: str
    all_names: tuple[str, ...]
    file: YamlFile
    """Empty where there is none."""
    says: EnvironmentFile | None
    """`None` where the file has mistakes."""

    @property
    def mistakes(self) -> list[Mistake]:
        """In its own file."""
        return self.file.mistakes

    def changes(self, *place: str) -> Any:
        """What it changes at a place, `None` where nothing; also of a file with mistakes elsewhere."""
        value = self.file.value
        for step in place:
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    def over(self, file: YamlFile, *place: str) -> YamlFile:
        """A file with this environment's changes of it, which stand at `place`."""
        changes = self.changes(*place)
        return file if changes is None else overlaid_file(file, self.file, place, changes)

    def check_names(self, key: str, known: list[str], below: tuple[str, ...] = ()) -> list[Mistake]:
        """Mistakes for changes of files that are not there: they would be laid over nothing."""
        place = (key, *below)
        changes = self.changes(*place)
        if changes is None:
            return []
        if not isinstance(changes, Mapping):
            return [self.file.mistake(place, f"{'.'.join(place)}: expected a mapping")]
        return [
            self.file.mistake((*place, name), f"unknown {'.'.join((*place, name))!r}; {nearest_or_all(name, known)}")
            for name in changes
            if name not in known
        ]


def environments(root: Path) -> list[str]:
    """The names of all environments of a checkout; `local` is always one."""
    return sorted({LOCAL, *(path.stem for path in _folder(root).glob("*.yaml"))})


def read_environment(root: Path, name: str) -> Environment:
    """The environment of that name, with the mistakes of its file.

    Raises:
        ConfigurationError: there is none, or its file is no YAML.
    """
    names = tuple(environments(root))
    if name not in names:
        near = nearest(name, names)
        message = f"expected one of the environments {', '.join(names)}, found {name!r}{'; ' + near if near else ''}"
        raise ConfigurationError.of("--env", message)
    path = environment_file(root, name)
    if not path.is_file():
        return Environment(name, names, YamlFile(shown(path)), EnvironmentFile(description="Nothing is different."))
    file = read_yaml(Path(shown(path)))
    says, mistakes = checked(EnvironmentFile, file)
    file.mistakes += mistakes
    return Environment(name, names, file, says)


def load_environment(root: Path, name: str) -> EnvironmentFile:
    """What the environment of that name says.

    Raises:
        ConfigurationError: there is none, or its file has mistakes.
    """
    environment = read_environment(root, name)
    if environment.says is None or environment.mistakes:
        raise ConfigurationError(sorted(environment.mistakes, key=lambda mistake: mistake.line or 0))
    return environment.says


def environment_file(root: Path, name: str) -> Path:
    """Where an environment is written."""
    return _folder(root) / f"{name}.yaml"


def _folder(root: Path) -> Path:
    return root / "configs" / "environments"
