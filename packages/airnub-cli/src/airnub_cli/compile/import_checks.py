"""Verdicts: departments with what shows only when they are imported, which takes long.

That a department is right is remembered by a fingerprint of all that this came from, and then neither it nor Prefect is
imported. What is wrong is found out anew each time: it may have its reason outside of what a fingerprint covers.
Departments that nothing is known of are imported by processes, on all cores.
"""

import hashlib
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airnub_cli.cache import Cache
from airnub_cli.compile.department_check import wrong_flows
from airnub_cli.compile.department_file import FILE, DepartmentFile, read_source
from airnub_cli.compile.deployment_check import wrong
from airnub_cli.compile.ownership import stages
from airnub_cli.compile.schema_stubs import without_schemas
from airnub_cli.configuration.registry import Registry
from airnub_cli.fingerprints import Fingerprints
from airnub_cli.parallel import map_in_processes
from airnub_cli.prefect_env import quiet_prefect
from airnub_cli.workspace import Member, Workspace
from airnub_prefect.errors import Diagnostic
from airnub_prefect.yaml_file import YamlFile

_KIND = "departments"


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Of one department; it crosses the borders of processes."""

    file: YamlFile
    mistakes: list[Diagnostic]
    flows: list[Diagnostic]
    stages: dict[str, str]


def judged_sources(workspace: Workspace, registry: Registry, cache: Cache) -> list[DepartmentFile]:
    """The files of all departments, sorted by department, with all that is wrong with each by itself."""
    named = {one.id: one for one in registry.departments}
    prints = Fingerprints(workspace)
    found: dict[str, DepartmentFile] = {}
    waiting: list[tuple[Member, str | None]] = []
    departments = [member for member in workspace.members.values() if member.kind == "department"]
    for member in sorted(departments, key=lambda member: member.module):
        path = member.folder / FILE
        digest = prints.of(member, _digest(path))
        known = cache.get(_KIND, digest)
        if not _is_understood(known):
            waiting.append((member, digest))
            continue
        found[member.module] = DepartmentFile(
            member.module, named.get(member.module), path, None, stages=known["stages"], known=known["value"]
        )
    verdicts = map_in_processes(_judge, [member for member, _ in waiting], _prepare, without_schemas)
    for (member, digest), verdict in zip(waiting, verdicts, strict=True):
        module = member.module
        found[module] = DepartmentFile(
            module, named.get(module), member.folder / FILE, verdict.file, verdict.mistakes, verdict.flows,
            verdict.stages,
        )  # fmt: skip
        if not verdict.mistakes and not verdict.flows and isinstance(verdict.file.value, dict):
            cache.put(_KIND, digest, {"value": verdict.file.value, "stages": verdict.stages})
    return [found[name] for name in sorted(found)]


def _judge(member: Member) -> _Verdict:
    # Who is registered is a matter of the whole.
    source = read_source(member.module, None, member.folder / FILE)
    mistakes = [*source.mistakes, *(one for entry in source.entries() for one in wrong(entry))]
    return _Verdict(source.file, mistakes, list(wrong_flows(source)), stages(member.module))


def _prepare() -> None:
    """Import what nearly every department does."""
    quiet_prefect()
    for name in (
        "airnub_cli.configuration.job_templates", "airnub_prefect.conclusion", "airnub_prefect.resolution",
        "airnub_prefect.tasks", "prefect.events",
    ):  # fmt: skip
        importlib.import_module(name)


def _is_understood(known: Any) -> bool:
    return isinstance(known, dict) and isinstance(known.get("value"), dict) and isinstance(known.get("stages"), dict)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
