"""Environments, `configs/environments/<name>.yaml`, which override the base configuration.

```yaml
description: Everything on one machine.
kind: docker                     # type of all pools, overrides that in their files
notifications: slack-webhook/{department}    # block that notifies contacts of failed runs
variables:                       # merged over configs/variables/<department>/<stage>.yaml
  project_alpha:
    ingestion:
      network: {requests_per_second_per_host: 1}
```

`local` needs no file, and then overrides nothing. `extends: NAME` starts from that environment and merges this file
over it. `airnub apply` resolves `${NAME}` in overrides of `configs/variables/`, and not in the files of that folder,
since flows in a checkout read them too.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt, StrictBool

from airnub_cli.configuration import LOCAL, PoolType
from airnub_cli.configuration.dotenv import filled, missing
from airnub_core.strict_model import StrictModel
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.paths import shown
from airnub_prefect.validation import checked, nearest, nearest_or_all
from airnub_prefect.yaml_file import Place, YamlFile, read_yaml


def overlay(base: Any, changes: Any) -> Any:
    """Merge changes over a value, by the rules of JSON Merge Patch (RFC 7396); neither argument is modified.

    - Mappings are merged key by key, however deep.
    - `null` removes a key, so that the default applies again.
    - Everything else replaces the previous value. A list is replaced as a whole: an environment that overrides the
      sources never picks up a source that is added to the base file later.
    """
    if not isinstance(changes, dict):
        return changes
    merged = dict(base) if isinstance(base, dict) else {}
    for key, change in changes.items():
        if change is None:
            merged.pop(key, None)
        else:
            merged[key] = overlay(merged.get(key), change)
    return merged


def overlaid_file(file: YamlFile, changes: YamlFile, place: Place, value: Any) -> "OverlaidFile":
    """Merge changes over a file.

    Args:
        file: the base file.
        changes: the file with the changes.
        place: of the changes in that file.
        value: the changes.
    """
    lines = {one: line for one, line in file.lines.items() if not _is_replaced(one, value)}
    return OverlaidFile(file.path, overlay(file.value, value), lines, file.mistakes, changes=changes, prefix=place)


@dataclass(slots=True)
class OverlaidFile(YamlFile):
    """A file with changes merged over it; each mistake is reported in the file that contains the value."""

    changes: YamlFile | None = None
    prefix: Place = ()
    """The place of this file's changes in the file of changes."""

    def mistake(self, place: Place, message: str) -> Diagnostic:
        """A diagnostic for a value, with the file and line that it comes from."""
        changes = self.changes
        if changes is not None:
            # A missing key, or one that the changes do not contain, is reported in the base file.
            last = next((place[:end] for end in range(len(place), 0, -1) if is_written(self, place[:end])), ())
            if last and is_written(changes, (*self.prefix, *last)):
                return changes.mistake((*self.prefix, *place), message)
        return Diagnostic(self.path, self.line(place), message)


def is_written(file: YamlFile, place: Place) -> bool:
    """Whether the file, or the changes merged over it, has a line for a value."""
    if place in file.lines:
        return True
    return (
        isinstance(file, OverlaidFile) and file.changes is not None and is_written(file.changes, (*file.prefix, *place))
    )


def _is_replaced(place: Place, changes: Any) -> bool:
    """Whether the changes replaced or removed a value of the file, or one of its parents."""
    for step in place:
        if not isinstance(changes, Mapping):
            return True
        if step not in changes:
            return False
        changes = changes[step]
    return not isinstance(changes, Mapping)


_NAMED = 5
"""Maximum number of departments that a line about sources lists."""

REGISTRY_CREDENTIALS = r"^docker-registry-credentials/[a-z0-9][a-z0-9-]*$"

NOTIFICATIONS = r"^[a-z0-9][a-z0-9-]*/(?:[a-z0-9-]|\{department\})+$"

# The form that Docker accepts before an image's name: host, optional port and path; no scheme, no trailing slash.
Registry = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)*$")]


class PoolOverlay(StrictModel):
    """An environment's overrides for a pool that departments name."""

    name: str | None = None
    """The pool that replaces it in deployments."""
    job_variables: dict[str, Any] = {}
    """Job variables for every deployment in it, merged over those of the department."""


class EnvironmentFile(StrictModel):
    """One file of `configs/environments/`."""

    description: Annotated[str, Field(min_length=1)]
    extends: str | None = None
    """The environment that this one extends; that one may not extend a third."""
    kind: PoolType | None = None
    """The type of all work pools: runs in containers, processes or pods. Default: the type in each pool's file."""
    registry: Registry | None = None
    """The registry of the images, which are tagged by content digest. Default: the local images that Compose builds."""
    registry_credentials: Annotated[str, Field(pattern=REGISTRY_CREDENTIALS)] | None = None
    """The block with the credentials for pulling from `registry` into Docker pools, such as
    `docker-registry-credentials/registry`; without one, images are pulled anonymously."""
    pools: dict[str, PoolOverlay] = {}
    """Overrides by the pool name that departments use."""
    schedules: StrictBool | dict[str, StrictBool] = {}
    """`true` or `false` for all schedules, or a mapping by `deployment/slug`; others keep the department's value."""
    limits: dict[str, PositiveInt] = {}
    """Concurrency limits by deployment."""
    notifications: Annotated[str, Field(pattern=NOTIFICATIONS)] | None = None
    """The block that notifies contacts of failed runs, as `TYPE/NAME`, such as `slack-webhook/operators`;
    `{department}` in the name is the department's command. Without one no notifications are sent."""
    variables: dict[str, dict[str, dict[str, Any]]] = {}
    """By department and stage; `airnub apply` merges them over `configs/variables/<department>/<stage>.yaml`."""

    def replaced_sources(self) -> dict[str, list[str]]:
        """The categories whose sources this environment replaces, by department; sorted.

        A category is a list of mappings with a name each, or an empty list; an overlay replaces lists as a whole.
        """
        found = {
            department: sorted({key for stage in stages.values() for key, value in stage.items() if _is_sources(value)})
            for department, stages in sorted(self.variables.items())
        }
        return {department: categories for department, categories in found.items() if categories}


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment, with the names of all."""

    name: str
    all_names: tuple[str, ...]
    file: YamlFile
    """Empty if the environment has no file."""
    says: EnvironmentFile | None
    """`None` where the file has mistakes."""
    extends: str | None = None
    """The environment that it extends."""

    def is_one_of(self, names: Iterable[str]) -> bool:
        """Whether the names include this environment or the one that it extends."""
        return not {self.name, self.extends}.isdisjoint(names)

    @property
    def mistakes(self) -> list[Diagnostic]:
        """The mistakes in the environment's own file."""
        return self.file.mistakes

    def changes(self, *place: str) -> Any:
        """The override at a place, or `None`; works even if the file has mistakes elsewhere."""
        value = self.file.value
        for step in place:
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    def over(self, file: YamlFile, *place: str) -> YamlFile:
        """Merge this environment's overrides at `place` over a file."""
        changes = self.changes(*place)
        return file if changes is None else overlaid_file(file, self.file, place, changes)

    def check_names(self, key: str, known: list[str], below: tuple[str, ...] = ()) -> list[Diagnostic]:
        """Report overrides of files that do not exist: they would have no effect."""
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
    """The names of all environments of a checkout, always including `local`."""
    return sorted({LOCAL, *(path.stem for path in _folder(root).glob("*.yaml"))})


def read_environment(root: Path, name: str) -> Environment:
    """Read the environment of a name, with the mistakes of its file.

    Raises:
        ConfigurationError: it does not exist, or its file is not valid YAML.
    """
    names = tuple(environments(root))
    if name not in names:
        near = nearest(name, names)
        message = f"expected one of the environments {', '.join(names)}, found {name!r}{'; ' + near if near else ''}"
        raise ConfigurationError.of("--env", message)
    if not _is_there(environment_file(root, name)):
        file = YamlFile(shown(environment_file(root, name)))
        return Environment(name, names, file, EnvironmentFile(description="No overrides."))
    file, base = _with_base(root, name, names)
    says, mistakes = checked(EnvironmentFile, file)
    file.mistakes += mistakes
    return Environment(name, names, file, says, base)


def _with_base(root: Path, name: str, names: tuple[str, ...]) -> tuple[YamlFile, str | None]:
    """The file of an environment merged over the one that it extends, and the name of the latter."""
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
    return read_yaml(Path(shown(path))) if _is_there(path) else YamlFile(shown(path))


def _is_there(path: Path) -> bool:
    """Whether a path exists, also as a folder or a broken link: taken as missing, its overrides would be lost."""
    return os.path.lexists(path)


def load_environment(root: Path, name: str) -> EnvironmentFile:
    """The validated content of an environment's file.

    Raises:
        ConfigurationError: it does not exist, or its file has mistakes.
    """
    environment = read_environment(root, name)
    if environment.says is None or environment.mistakes:
        raise ConfigurationError(sorted(environment.mistakes, key=lambda mistake: mistake.line or 0))
    return environment.says


def said_of_sources(name: str, replaced: Collection[str]) -> str:
    """The line that commands print about the sources of an environment's deployments.

    Args:
        name: of the environment.
        replaced: departments whose sources it replaces.
    """
    if not replaced:
        return "sources: each department's own"
    more = len(replaced) - _NAMED
    shown_names = ", ".join(sorted(replaced)[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"sources: replaced by the environment {name} for {shown_names}; {LOCAL} has each department's own"


def environment_file(root: Path, name: str) -> Path:
    """The path of an environment's file."""
    return _folder(root) / f"{name}.yaml"


def _folder(root: Path) -> Path:
    return root / "configs" / "environments"


def _is_sources(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) and "name" in one for one in value)


def filled_environment(root: Path, name: str, values: Mapping[str, str]) -> Environment:
    """Load an environment by its name, with placeholders resolved.

    Args:
        root: of the repository.
        name: of the environment.
        values: for placeholders.

    Raises:
        ConfigurationError: it does not exist, or its file is not valid YAML.
    """
    environment = read_environment(root, name)
    written = environment.changes("variables")
    for place, lacking in missing(written, values, ("variables",)):
        message = f"expected {lacking} in the environment or in .env, found nothing; or write ${{{lacking}:-default}}"
        environment.mistakes.append(environment.file.mistake(place, message))
    if written is not None:
        environment.file.value["variables"] = filled(written, values)
    return environment
