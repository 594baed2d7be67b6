"""The `prefect.yaml` of each department with line numbers, owner tags, and names unique among all departments.

The tags are made from the registry and written into the departments' files too, and not only into the compiled one: a
deployment from a department's folder must not lose its owner. Names are unique in the whole repository, since triggers
and people refer to deployments by name.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from airnub_cli.compile.prefect_yaml_schema import DeploymentFile
from airnub_cli.configuration.registry import Registered
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.paths import shown
from airnub_prefect.validation import checked, nearest_or_all
from airnub_prefect.yaml_file import Place, YamlFile, read_yaml

FILE = "prefect.yaml"
_RESOURCE = re.compile(r"airnub\.(ingestion\.[^.*]+|dataset\.[^.*]+\.[^*]+)")


@dataclass(slots=True)
class DeploymentEntry:
    """A deployment as written in the file, valid or not."""

    source: "DepartmentFile"
    index: int
    value: dict[str, Any]

    @property
    def name(self) -> str | None:
        """Its name; `None` if it has none, or one that is not a string."""
        return text_at(self.value, "name")

    def mistake(self, message: str, *place: str | int) -> Diagnostic:
        """A diagnostic at a place in the deployment."""
        at = ("deployments", self.index, *place)
        return self.source.file.mistake(at, f"{'.'.join(map(str, at))}: {message}")


@dataclass(slots=True)
class DepartmentFile:
    """A department's file."""

    department: str
    """The name of its package, and its id in the registry."""
    registered: Registered | None
    """`None` for the template, which has no owner and is never deployed."""
    path: Path
    read: YamlFile | None
    """`None` where the file was not read, because its content came from the cache."""
    mistakes: list[Diagnostic] = field(default_factory=list)
    """Mistakes of the file itself and, after the check, of its deployments."""
    flows: list[Diagnostic] = field(default_factory=list)
    """After the check: mistakes in the department's flows."""
    stages: dict[str, str] | None = None
    """After the check: names of stages by the location of their flow, as `module.name`."""
    known: dict[str, Any] = field(default_factory=dict)
    """The cached content, where the file was not read."""

    @property
    def file(self) -> YamlFile:
        """The file with line numbers, which diagnostics need."""
        if self.read is None:
            self.read = read_yaml(self.path)
        return self.read

    @property
    def command(self) -> str:
        """The department's name in images, pools and deployments."""
        return self.department.replace("_", "-")

    @property
    def is_compiled(self) -> bool:
        """Whether its deployments are included in an environment's file."""
        return self.registered is not None and self.registered.status == "active"

    @property
    def is_text(self) -> bool:
        """Whether it could be read."""
        return self.read is None or bool(self.read.lines)

    @property
    def value(self) -> dict[str, Any]:
        """Its content; empty if it is not a mapping."""
        if self.read is None:
            return self.known
        return self.read.value if isinstance(self.read.value, dict) else {}

    def entries(self) -> Iterator[DeploymentEntry]:
        """Its deployments."""
        for index, value in enumerate(list_at(self.value, "deployments")):
            if isinstance(value, dict):
                yield DeploymentEntry(self, index, value)


def read_source(department: str, registered: Registered | None, path: Path) -> DepartmentFile:
    """Read the file of one department; a missing file is reported as a mistake, and treated as empty."""
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
    """Resource names of the events that start stages, including those inside compound triggers.

    They are `airnub.ingestion.<department>` and `airnub.dataset.<department>.<dataset>`.
    """
    for index, trigger in enumerate(triggers):
        named = mapping_at(trigger, "match").get("prefect.resource.id")
        for one in named if isinstance(named, list) else [named]:
            if isinstance(one, str) and _RESOURCE.fullmatch(one):
                yield (*place, index, "match", "prefect.resource.id"), one
        yield from awaited_resources(list_at(trigger, "triggers"), (*place, index, "triggers"))


SOURCES = "sources"
"""The tag `sources:NAME`: the environment NAME replaces sources of the department."""

_MADE = re.compile(rf"airnub|(department|owner|stage|{SOURCES}):.*")
_ONE_LINE = re.compile(r"^(?P<indent>\s*(?:- )?)tags:\s*\[[^\]]*\](?P<comment>\s+#.*)?$")
_ENTRYPOINT = re.compile(r"^(?P<indent>\s*)(?P<dash>- )?entrypoint:")


@dataclass(frozen=True, slots=True)
class Retagging:
    """The present and the expected text of a department's file, and the mistakes that prevent an update."""

    text: str
    expected: str
    mistakes: list[Diagnostic]


def tags(entry: DeploymentEntry, also: Iterable[str] = ()) -> list[str]:
    """The tags of a deployment: the generated ones first, then its own.

    Args:
        entry: the deployment.
        also: generated tags of one environment, which the department's file does not contain.
    """
    source = entry.source
    made = ["airnub", f"department:{source.department}"]
    if source.registered is not None:
        made.append(f"owner:{source.registered.owner}")
    if stage := _stage(source, text_at(entry.value, "entrypoint") or ""):
        made.append(f"stage:{stage}")
    made += also
    own = [tag for tag in list_at(entry.value, "tags") if isinstance(tag, str) and _MADE.fullmatch(tag) is None]
    return made + own


def retagged(source: DepartmentFile) -> Retagging:
    """Update the tags in a department's file; no other line changes."""
    text = source.path.read_text(encoding="utf-8-sig")
    lines, mistakes = text.split("\n"), []
    # From the end, so that an added line does not shift the lines that are still to be processed.
    for entry in reversed(list(source.entries())):
        expected = tags(entry)
        if list_at(entry.value, "tags") == expected:
            continue
        written = f"tags: [{', '.join(expected)}]"
        if not _write(lines, source, entry, written):
            message = f"expected one line of its own, {written}, so that `airnub compile` can write it"
            mistakes.append(entry.mistake(message, "tags"))
    return Retagging(text, "\n".join(lines), mistakes)


def _write(lines: list[str], source: DepartmentFile, entry: DeploymentEntry, written: str) -> bool:
    """Whether the tags have a line: an existing one, or the one after the entrypoint."""
    place = ("deployments", entry.index)
    first = source.file.lines[place]
    last = source.file.lines.get(("deployments", entry.index + 1), len(lines) + 1)
    at = source.file.lines.get((*place, "tags"))
    if at is not None:
        match = _ONE_LINE.match(lines[at - 1])
        if match is None or not first <= at < last:  # the line may be in an anchor that several deployments share
            return False
        lines[at - 1] = f"{match['indent']}{written}{match['comment'] or ''}"
        return True
    at = source.file.lines.get((*place, "entrypoint"), 0)
    match = _ENTRYPOINT.match(lines[at - 1]) if first <= at < last else None
    if match is None:
        return False
    lines.insert(at, f"{match['indent']}{' ' * len(match['dash'] or '')}{written}")
    return True


def stages(department: str) -> dict[str, str]:
    """The names of a department's stages by the location of their flow, as `module.name`."""
    try:
        described = import_module(f"{department}.department").DEPARTMENT.stages
    except (Exception, SystemExit):  # noqa: BLE001  # whatever the module does when it is imported
        return {}  # reported for the entrypoint
    return {stage.flow.replace(":", "."): str(stage.name) for stage in described}


def _stage(source: DepartmentFile, entrypoint: str) -> str | None:
    """The stage whose flow, or subflow, the entrypoint is; none for a pipeline."""
    names = stages(source.department) if source.stages is None else source.stages
    if entrypoint in names:
        return names[entrypoint]
    # The module of a category is inside the package of its stage.
    module = entrypoint.rpartition(".")[0]
    return next((name for flow, name in names.items() if module.startswith(f"{flow.rpartition('.')[0]}.")), None)


def clashes(sources: list[DepartmentFile]) -> Iterator[Diagnostic]:
    """Find duplicate names, and triggers that refer to missing deployments."""
    entries = [entry for source in sources for entry in source.entries()]
    names: dict[str, DeploymentEntry] = {}
    triggers: dict[str, DeploymentEntry] = {}
    for entry in entries:
        if entry.name is not None and (first := names.setdefault(entry.name, entry)) is not entry:
            yield entry.mistake(f"duplicate {entry.name!r}; it is that of {_where(first)}", "name")
        for index, trigger in enumerate(list_at(entry.value, "triggers")):
            name = text_at(trigger, "name")
            if name is None:
                continue
            if name in triggers:
                message = f"duplicate {name!r}; it is that of a trigger of {_where(triggers[name])}"
                yield entry.mistake(message, "triggers", index, "name")
            triggers.setdefault(name, entry)
    departments = [source.department for source in sources]
    for entry in entries:
        for place, resource in awaited_resources(list_at(entry.value, "triggers"), ("triggers",)):
            department = resource.split(".")[2]
            if department not in departments:
                valid = nearest_or_all(department, departments)
                yield entry.mistake(f"expected a department of this repository, found {department!r}; {valid}", *place)
        for place, name in _named_deployments(list_at(entry.value, "triggers"), ("triggers",)):
            if name not in names:
                message = f"expected a deployment of this repository, found {name!r}; {nearest_or_all(name, names)}"
                yield entry.mistake(message, *place)


def _named_deployments(triggers: list[Any], place: Place) -> Iterator[tuple[Place, str]]:
    """Deployments that triggers wait for, including those inside compound triggers."""
    for index, trigger in enumerate(triggers):
        here = (*place, index)
        if not isinstance(trigger, dict):
            continue
        related = trigger.get("match_related")
        several = isinstance(related, list)
        for number, labels in enumerate(related if isinstance(related, list) else [related]):
            if mapping_at(labels).get("prefect.resource.role") == "deployment":
                named = labels.get("prefect.resource.name")
                at = (*here, "match_related", *((number,) if several else ()), "prefect.resource.name")
                for name in named if isinstance(named, list) else [named]:
                    if isinstance(name, str) and not name.endswith("*"):
                        yield at, name.removeprefix("!")
        yield from _named_deployments(list_at(trigger, "triggers"), (*here, "triggers"))


def _where(entry: DeploymentEntry) -> str:
    line = entry.source.file.line(("deployments", entry.index))
    return f"{shown(entry.source.path)}:{line}"
