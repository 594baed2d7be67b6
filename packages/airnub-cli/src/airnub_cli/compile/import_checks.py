"""Checks that import departments, which is slow; their results are cached.

Departments that pass are cached by a fingerprint of all their inputs; a cached department is not imported, and neither
is Prefect. Failures are never cached: their cause may be outside of what the fingerprint covers. Departments without a
cached result are imported by a process pool, on all cores, and without parameter schemas: Prefect builds these twice
for each flow, which is more than half of the cost of importing departments.
"""

import hashlib
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from airnub_cli.cache import Cache, Fingerprints
from airnub_cli.compile.department_check import wrong_flows
from airnub_cli.compile.department_file import FILE, DepartmentFile, read_source, stages
from airnub_cli.compile.deployment_check import wrong
from airnub_cli.configuration.dotenv import quiet_prefect
from airnub_cli.configuration.registry import Registry
from airnub_cli.subprocesses import map_in_processes
from airnub_cli.workspace import Member, Workspace
from airnub_prefect.errors import Diagnostic
from airnub_prefect.yaml_file import YamlFile


def without_schemas() -> None:
    """Make flows that this process imports have empty parameter schemas: such flows can be inspected, not deployed.

    The model that validates a flow's parameters is made when it is needed: few deployments have parameters.
    """
    from prefect import flows
    from prefect.utilities import callables

    validated = vars(flows)["ValidatedFunction"]
    make, empty = callables.parameter_schema, callables.parameter_schema(_nothing)

    def quick(function: Callable[..., Any]) -> Any:
        return empty if _is_simple(function) else make(function)

    class LateValidation:
        """The part of Prefect's class that a flow uses; a function that is not simple may be refused at once."""

        def __init__(self, function: Callable[..., Any], config: Any = None) -> None:
            self._make: Callable[[], Any] = lambda: validated(function, config)
            if not _is_simple(function) or not all(map(_is_field, inspect.signature(function).parameters)):
                self._make()

        def validate_call_args(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return self._make().validate_call_args(args, kwargs)

    vars(flows).update(parameter_schema=quick, ValidatedFunction=LateValidation)


def _is_field(name: str) -> bool:
    """Whether a parameter can be a field of a Pydantic model in any case."""
    return not name.startswith(("_", "v__", "model_")) and not hasattr(BaseModel, name)


def _nothing() -> None: ...


def _is_simple(function: Callable[..., Any]) -> bool:
    """Whether a schema can always be built for the types of all parameters."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, TypeError):
        return False
    return all(_is_safe(one.annotation) for one in signature.parameters.values())


_PLAIN = {str, int, float, bool, date, datetime, NoneType}
_GENERIC = {Union, UnionType, dict, list}


def _is_safe(annotation: Any) -> bool:
    if get_origin(annotation) in _GENERIC:
        return all(map(_is_safe, get_args(annotation)))
    if annotation in _PLAIN:
        return True
    return isinstance(annotation, type) and issubclass(annotation, BaseModel) and bool(annotation.__pydantic_complete__)


_KIND = "departments"


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The result for one department; it is pickled between processes."""

    file: YamlFile
    mistakes: list[Diagnostic]
    flows: list[Diagnostic]
    stages: dict[str, str]


def judged_sources(
    workspace: Workspace, registry: Registry, cache: Cache, prints: Fingerprints
) -> list[DepartmentFile]:
    """Check the files of all departments; returns them sorted by department, each with its own mistakes."""
    named = {one.id: one for one in registry.departments}
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
    # The registry is checked with the whole workspace.
    source = read_source(member.module, None, member.folder / FILE)
    mistakes = [*source.mistakes, *(one for entry in source.entries() for one in wrong(entry))]
    return _Verdict(source.file, mistakes, list(wrong_flows(source)), stages(member.module))


def _prepare() -> None:
    """Import the modules that nearly every department imports."""
    quiet_prefect()
    for name in (
        "airnub_cli.configuration.pools", "airnub_prefect.finish_stage", "airnub_prefect.settings_resolution",
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
