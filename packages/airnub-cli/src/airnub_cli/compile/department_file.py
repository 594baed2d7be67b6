"""Sources: the `prefect.yaml` of each department, with its lines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airnub_cli.compile.schema import DeploymentFile
from airnub_cli.configuration.registry import Registered
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.validation import checked
from airnub_prefect.yaml_file import Place, YamlFile, read_yaml

FILE = "prefect.yaml"
_RESOURCE = re.compile(r"airnub\.(ingestion\.[^.*]+|dataset\.[^.*]+\.[^*]+)")


@dataclass(slots=True)
class DeploymentEntry:
    """A deployment as it is written, be it right or not."""

    source: "DepartmentFile"
    index: int
    value: dict[str, Any]

    @property
    def name(self) -> str | None:
        """Its name, if it has one that is text."""
        return text_at(self.value, "name")

    def mistake(self, message: str, *place: str | int) -> Diagnostic:
        """A mistake at a place of it."""
        at = ("deployments", self.index, *place)
        return self.source.file.mistake(at, f"{'.'.join(map(str, at))}: {message}")


@dataclass(slots=True)
class DepartmentFile:
    """A department's file."""

    department: str
    """The name of its package, and its id in the registry."""
    registered: Registered | None
    """`None` for the template, which nobody owns and nothing deploys."""
    path: Path
    read: YamlFile | None
    """`None` where it was read another time, and what it says is known."""
    mistakes: list[Diagnostic] = field(default_factory=list)
    """Those of the file by itself, and when it was judged, of its deployments."""
    flows: list[Diagnostic] = field(default_factory=list)
    """When it was judged: what is wrong with the department's flows beside that."""
    stages: dict[str, str] | None = None
    """When it was judged: names of stages by where their flows are, as `module.name`."""
    known: dict[str, Any] = field(default_factory=dict)
    """What it says, where it was not read."""

    @property
    def file(self) -> YamlFile:
        """It with its lines, which are needed where something is told of it."""
        if self.read is None:
            self.read = read_yaml(self.path)
        return self.read

    @property
    def command(self) -> str:
        """The department's name as images, pools and deployments have it."""
        return self.department.replace("_", "-")

    @property
    def is_compiled(self) -> bool:
        """Whether its deployments are part of an environment's file."""
        return self.registered is not None and self.registered.status == "active"

    @property
    def is_text(self) -> bool:
        """Whether it could be read."""
        return self.read is None or bool(self.read.lines)

    @property
    def value(self) -> dict[str, Any]:
        """What it says; nothing when it is no mapping."""
        if self.read is None:
            return self.known
        return self.read.value if isinstance(self.read.value, dict) else {}

    def entries(self) -> Iterator[DeploymentEntry]:
        """Its deployments."""
        for index, value in enumerate(list_at(self.value, "deployments")):
            if isinstance(value, dict):
                yield DeploymentEntry(self, index, value)


def read_source(department: str, registered: Registered | None, path: Path) -> DepartmentFile:
    """The file of one department; a missing file is a mistake of an empty one."""
    try:
        file = read_yaml(path)
    except ConfigurationError as error:
        return DepartmentFile(department, registered, path, YamlFile(str(path)), error.mistakes)
    _, mistakes = checked(DeploymentFile, file)
    return DepartmentFile(department, registered, path, file, [*file.mistakes, *mistakes])


def text_at(value: Any, *place: str) -> str | None:
    """The text at a place, `None` where there is none."""
    for step in place:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def list_at(value: Any, *place: str) -> list[Any]:
    """The list at a place, an empty one where there is none."""
    for step in place:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, list) else []


def mapping_at(value: Any, *place: str) -> dict[str, Any]:
    """The mapping at a place, an empty one where there is none."""
    for step in place:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def awaited_resources(triggers: list[Any], place: Place) -> Iterator[tuple[Place, str]]:
    """Resources of the events that start stages, by their whole names, also inside of compound triggers.

    They are `airnub.ingestion.<department>` and `airnub.dataset.<department>.<dataset>`.
    """
    for index, trigger in enumerate(triggers):
        named = mapping_at(trigger, "match").get("prefect.resource.id")
        for one in named if isinstance(named, list) else [named]:
            if isinstance(one, str) and _RESOURCE.fullmatch(one):
                yield (*place, index, "match", "prefect.resource.id"), one
        yield from awaited_resources(list_at(trigger, "triggers"), (*place, index, "triggers"))
