"""Environments, `configs/environments/<name>.yaml`, which override the base configuration.

```yaml
description: Everything on one machine.
kind: docker                     # of all pools, in place of what their files say
notifications: slack-webhook/{department}    # which block tells contacts of failed runs
variables:                       # laid over configs/variables/<department>/<stage>.yaml
  project_alpha:
    ingestion:
      network: {requests_per_second_per_host: 1}
```

`local` needs no file: nothing is different there then. `extends: NAME` makes an environment of that one, with what its
own file says laid over it. `${NAME}` is filled in for `airnub apply` in what is laid over `configs/variables/`, and not
in the files there: flows in a checkout read those too.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt, StrictBool

from airnub_cli.configuration.environment_names import LOCAL, PoolType
from airnub_cli.configuration.overlay import overlaid_file
from airnub_cli.configuration.placeholders import filled, missing
from airnub_cli.strict_model import StrictModel
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.paths import shown
from airnub_prefect.validation import checked, nearest, nearest_or_all
from airnub_prefect.yaml_file import YamlFile, read_yaml

_NAMED = 5
"""Departments that a line about sources names."""

REGISTRY_CREDENTIALS = r"^docker-registry-credentials/[a-z0-9][a-z0-9-]*$"

NOTIFICATIONS = r"^[a-z0-9][a-z0-9-]*/(?:[a-z0-9-]|\{department\})+$"

# As Docker takes it before an image's name: a host, perhaps a port and a path; no scheme, no slash at the end.
Registry = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)*$")]


class PoolOverlay(StrictModel):
    """What an environment has instead of a pool that departments name."""

    name: str | None = None
    """The pool that deployments go to instead."""
    job_variables: dict[str, Any] = {}
    """For every deployment in it; laid over what the department wrote."""


class EnvironmentFile(StrictModel):
    """One file of `configs/environments/`."""

    description: Annotated[str, Field(min_length=1)]
    extends: str | None = None
    """The environment that this one is laid over; it extends none itself."""
    kind: PoolType | None = None
    """Of all work pools: what a run is, a container, a process or a pod; without it, each pool's file says so."""
    registry: Registry | None = None
    """Where images are, named by the digest of their content; without one they are those that Compose builds."""
    registry_credentials: Annotated[str, Field(pattern=REGISTRY_CREDENTIALS)] | None = None
    """The block with which workers of Docker pools pull from `registry`, such as
    `docker-registry-credentials/registry`; without one it lets everyone pull."""
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

    def replaced_sources(self) -> dict[str, list[str]]:
        """The categories whose sources it replaces by others, by department; sorted.

        A category is a list, which an overlay replaces as a whole: of mappings with a name each, or empty.
        """
        found = {
            department: sorted({key for stage in stages.values() for key, value in stage.items() if _is_sources(value)})
            for department, stages in sorted(self.variables.items())
        }
        return {department: categories for department, categories in found.items() if categories}


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment, and the names of all."""

    name: str
    all_names: tuple[str, ...]
    file: YamlFile
    """Empty where there is none."""
    says: EnvironmentFile | None
    """`None` where the file has mistakes."""
    extends: str | None = None
    """The environment that it is laid over."""

    def is_one_of(self, names: Iterable[str]) -> bool:
        """Whether it, or the one that it is laid over, is among those names."""
        return not {self.name, self.extends}.isdisjoint(names)

    @property
    def mistakes(self) -> list[Diagnostic]:
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

    def check_names(self, key: str, known: list[str], below: tuple[str, ...] = ()) -> list[Diagnostic]:
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
    if not environment_file(root, name).is_file():
        file = YamlFile(shown(environment_file(root, name)))
        return Environment(name, names, file, EnvironmentFile(description="Nothing is different."))
    file, base = _with_base(root, name, names)
    says, mistakes = checked(EnvironmentFile, file)
    file.mistakes += mistakes
    return Environment(name, names, file, says, base)


def _with_base(root: Path, name: str, names: tuple[str, ...]) -> tuple[YamlFile, str | None]:
    """The file of an environment, laid over that of the one that it extends; and the name of that one."""
    file = _read(root, name)
    base = file.value.get("extends") if isinstance(file.value, dict) else None
    if not isinstance(base, str):
        return file, None
    below = _read(root, base) if base in names and base != name else None
    if below is None or (isinstance(below.value, dict) and "extends" in below.value):
        known = ", ".join(one for one in names if one != name)
        message = f"extends: expected one of {known} that extends none itself, found {base!r}"
        file.mistakes.append(file.mistake(("extends",), message))
        return file, None
    merged = overlaid_file(below, file, (), file.value)
    merged.mistakes = [*below.mistakes, *file.mistakes]
    return merged, base


def _read(root: Path, name: str) -> YamlFile:
    path = environment_file(root, name)
    return read_yaml(Path(shown(path))) if path.is_file() else YamlFile(shown(path))


def load_environment(root: Path, name: str) -> EnvironmentFile:
    """What the environment of that name says.

    Raises:
        ConfigurationError: there is none, or its file has mistakes.
    """
    environment = read_environment(root, name)
    if environment.says is None or environment.mistakes:
        raise ConfigurationError(sorted(environment.mistakes, key=lambda mistake: mistake.line or 0))
    return environment.says


def said_of_sources(name: str, replaced: Collection[str]) -> str:
    """Whose sources the deployments of an environment ask, as commands print it.

    Args:
        name: of the environment.
        replaced: departments of which it replaces sources.
    """
    if not replaced:
        return "sources: each department's own"
    more = len(replaced) - _NAMED
    shown_names = ", ".join(sorted(replaced)[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"sources: replaced by the environment {name} for {shown_names}; {LOCAL} has each department's own"


def environment_file(root: Path, name: str) -> Path:
    """Where an environment is written."""
    return _folder(root) / f"{name}.yaml"


def _folder(root: Path) -> Path:
    return root / "configs" / "environments"


def _is_sources(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) and "name" in one for one in value)


def filled_environment(root: Path, name: str, values: Mapping[str, str]) -> Environment:
    """An environment by its name.

    Args:
        root: of the repository.
        name: of the environment.
        values: what placeholders are filled from.

    Raises:
        ConfigurationError: there is none of that name, or its file is no YAML.
    """
    environment = read_environment(root, name)
    written = environment.changes("variables")
    for place, lacking in missing(written, values, ("variables",)):
        message = f"expected {lacking} in the environment or in .env, found nothing; or write ${{{lacking}:-default}}"
        environment.mistakes.append(environment.file.mistake(place, message))
    if written is not None:
        environment.file.value["variables"] = filled(written, values)
    return environment
