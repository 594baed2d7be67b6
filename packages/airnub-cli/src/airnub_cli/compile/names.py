"""Names: unique in the whole repository, since triggers and people know deployments by nothing else."""

from collections.abc import Iterator
from typing import Any

from airnub_cli.compile.department_file import (
    DepartmentFile,
    DeploymentEntry,
    awaited_resources,
    list_at,
    mapping_at,
    text_at,
)
from airnub_prefect.errors import Diagnostic
from airnub_prefect.places import shown
from airnub_prefect.validation import nearest_or_all
from airnub_prefect.yaml_file import Place


def clashes(sources: list[DepartmentFile]) -> Iterator[Diagnostic]:
    """Names that come twice, and triggers that name what is not there."""
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
    """Deployments that triggers wait for, also inside of compound ones."""
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
