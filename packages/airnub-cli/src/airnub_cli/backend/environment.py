"""Environments: what `configs/environments/<name>.yaml` says of the backend: the type of pools, and other Variables.

```yaml
description: Everything on one machine.
kind: docker                     # of all pools, in place of what their files say
variables:                       # laid over configs/variables/<department>/<stage>.yaml
  project_alpha:
    ingestion:
      network: {requests_per_second_per_host: 1}
```

What else it says, such as the registry and schedules, is for deployments. `local` needs no file. `${NAME}` is filled in
what is laid over, and not in `configs/variables/`, which flows in a checkout read themselves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airnub_cli.backend.placeholders import filled, missing
from airnub_cli.configuration.environment import (
    LOCAL,
    POOL_TYPES,
    EnvironmentFile,
    PoolType,
    environment_file,
    environments,
)
from airnub_cli.configuration.overlay import overlay
from airnub_prefect.errors import ConfigurationError, Mistake
from airnub_prefect.places import shown
from airnub_prefect.validation import checked, nearest
from airnub_prefect.yaml_file import Place, YamlFile, read_yaml


@dataclass(slots=True)
class OverlaidFile(YamlFile):
    """A file with changes laid over it: what is wrong is told where it is written, there or here."""

    changes: YamlFile | None = None
    prefix: Place = ()
    """Where in the file of changes those of this file stand."""

    def mistake(self, place: Place, message: str) -> Mistake:
        """What is wrong with a value, with the file and line that it comes from."""
        changes = self.changes
        if changes is not None:
            # A key that is missing, or that the changes do not have, is the base file's.
            last = next((place[:end] for end in range(len(place), 0, -1) if self._is_written(place[:end])), ())
            if last and (*self.prefix, *last) in changes.lines:
                return changes.mistake((*self.prefix, *place), message)
        return Mistake(self.path, self.line(place), message)

    def _is_written(self, place: Place) -> bool:
        return place in self.lines or (self.changes is not None and (*self.prefix, *place) in self.changes.lines)


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment, and the names of all."""

    name: str
    all_names: tuple[str, ...]
    file: YamlFile | None = None
    mistakes: list[Mistake] = field(default_factory=list)
    """In its own file."""

    @property
    def pool_type(self) -> PoolType | None:
        """The type of all pools, `None` where each file says its own."""
        kind = self.changes("kind")
        return kind if kind in POOL_TYPES else None

    def changes(self, *place: str) -> Any:
        """What it changes at a place, `None` where nothing."""
        value = self.file.value if self.file is not None else None
        for step in place:
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    def over(self, file: YamlFile, *place: str) -> YamlFile:
        """A file with this environment's changes of it, which stand at `place`."""
        changes = self.changes(*place)
        if changes is None:
            return file
        lines = {one: line for one, line in file.lines.items() if not _is_replaced(one, changes)}
        return OverlaidFile(
            file.path, overlay(file.value, changes), lines, file.mistakes, changes=self.file, prefix=place
        )

    def check_names(self, key: str, known: list[str], below: tuple[str, ...] = ()) -> list[Mistake]:
        """Mistakes for changes of files that are not there: they would be laid over nothing."""
        changes = self.changes(key, *below)
        if self.file is None or changes is None:
            return []
        place = (key, *below)
        if not isinstance(changes, Mapping):
            return [self.file.mistake(place, f"{'.'.join(place)}: expected a mapping")]
        return [
            self.file.mistake(
                (*place, name), f"unknown {'.'.join((*place, name))!r}; {nearest(name, known) or _valid(known)}"
            )
            for name in changes
            if name not in known
        ]


def read_environment(root: Path, name: str, values: Mapping[str, str]) -> Environment:
    """An environment by its name.

    Args:
        root: of the repository.
        name: of the environment.
        values: what placeholders are filled from.

    Raises:
        ConfigurationError: there is none of that name, or its file is no YAML.
    """
    names = tuple(sorted({LOCAL, *environments(root)}))
    if name not in names:
        near = nearest(name, names)
        message = f"expected one of the environments {', '.join(names)}, found {name!r}{'; ' + near if near else ''}"
        raise ConfigurationError.of("--env", message)
    path = environment_file(root, name)
    if not path.is_file():
        return Environment(name, names)
    file = read_yaml(Path(shown(path)))
    file.mistakes += _mistakes(file, values)
    if isinstance(file.value, dict) and "variables" in file.value:
        file.value["variables"] = filled(file.value["variables"], values)
    return Environment(name, names, file, file.mistakes)


def _mistakes(file: YamlFile, values: Mapping[str, str]) -> Iterator[Mistake]:
    yield from checked(EnvironmentFile, file)[1]
    written = file.value.get("variables") if isinstance(file.value, dict) else None
    for place, name in missing(written, values, ("variables",)):
        message = f"expected {name} in the environment or in .env, found nothing; or write ${{{name}:-default}}"
        yield file.mistake(place, message)


def _valid(known: list[str]) -> str:
    return f"valid are {', '.join(known)}" if known else "there are none"


def _is_replaced(place: Place, changes: Any) -> bool:
    """Whether a value of the file is no more: something else stands there, or around it, or nothing."""
    for step in place:
        if not isinstance(changes, Mapping):
            return True
        if step not in changes:
            return False
        changes = changes[step]
    return not isinstance(changes, Mapping)
