"""Check of all departments, the registry and the environments, with all mistakes reported at once.

Departments that pass are cached by a fingerprint of all their inputs; a cached department is not imported, and neither
is Prefect. Failures are never cached: their cause may be outside of what the fingerprint covers. Departments without a
cached result are imported by a process pool, on all cores, and without parameter schemas: Prefect builds these twice
for each flow, which is more than half of the cost of importing departments.

Every name in an environment must exist: an override of a missing object would silently have no effect. The job
variables of a pool must be known to its type of worker.
"""

import hashlib
import importlib
import inspect
import multiprocessing
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache, partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from airnub_cli.cache import NO_CACHE, Cache, Fingerprints
from airnub_cli.compile.department_check import import_of_department, wrong_flows
from airnub_cli.compile.deployment_check import misplaced, wrong
from airnub_cli.compile.prefect_yaml import (
    FILE,
    DepartmentFile,
    DeploymentEntry,
    clashes,
    list_at,
    read_source,
    retagged,
    stages,
    text_at,
)
from airnub_cli.configuration.dotenv import quiet_prefect
from airnub_cli.configuration.environment import Environment, EnvironmentFile, environments, read_environment
from airnub_cli.configuration.pools import PoolFile, pool_files, read_pool_files, type_of, wrong_defaults
from airnub_cli.configuration.registry import TEMPLATE_FOLDER, Registry, load_registry, registry_file
from airnub_cli.subprocesses import FEW, beside, map_in_processes
from airnub_cli.workspace import Member, Workspace, importable
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.paths import shown
from airnub_prefect.validation import nearest_or_all
from airnub_prefect.yaml_file import YamlFile, read_yaml


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


@lru_cache(maxsize=1)
def _is_simple(function: Callable[..., Any]) -> bool:
    """Whether a schema can always be built for the types of all parameters; Prefect asks twice for each flow."""
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
    # Not `issubclass`, which compares a class that is no model with every model.
    is_model = isinstance(annotation, type) and BaseModel in annotation.__mro__
    return is_model and bool(annotation.__pydantic_complete__)


_KIND = "departments"


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The result for one department; it is pickled between processes."""

    file: YamlFile
    mistakes: list[Diagnostic]
    flows: list[Diagnostic]
    stages: dict[str, str]


@contextmanager
def judging(
    workspace: Workspace, registry: Registry, cache: Cache, prints: Fingerprints
) -> Iterator[Callable[[], list[DepartmentFile]]]:
    """Check the files of all departments during the block.

    Yields:
        A function that returns them sorted by department, each with its own mistakes.
    """
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
    if waiting:
        # Job variables of a department that sets only its image; checking others imports Prefect's worker for Docker.
        wrong_defaults("docker", {}, cache)
    judge = partial(_judged, [member for member, _ in waiting])
    with beside(judge) if 0 < len(waiting) < FEW else nullcontext(judge) as verdicts:

        def sources() -> list[DepartmentFile]:
            for (member, digest), verdict in zip(waiting, verdicts(), strict=True):
                module = member.module
                found[module] = DepartmentFile(
                    module, named.get(module), member.folder / FILE, verdict.file, verdict.mistakes, verdict.flows,
                    verdict.stages,
                )  # fmt: skip
                if not verdict.mistakes and not verdict.flows and isinstance(verdict.file.value, dict):
                    cache.put(_KIND, digest, {"value": verdict.file.value, "stages": verdict.stages})
            return [found[name] for name in sorted(found)]

        yield sources


def _judged(members: list[Member]) -> list[_Verdict]:
    if multiprocessing.parent_process() is not None:  # this process does nothing else
        without_schemas()
    return map_in_processes(_judge, members, _prepare, without_schemas)


def _judge(member: Member) -> _Verdict:
    # The registry is checked with the whole workspace.
    source = read_source(member.module, None, member.folder / FILE)
    mistakes = [*source.mistakes, *(one for entry in source.entries() for one in wrong(entry))]
    if (unknown_stages := import_of_department(member.module, member.folder / "src")) is not None:
        # Without its stages, deployments would be compiled without their tags.
        mistakes.append(unknown_stages)
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


def lost_overlays(
    root: Path,
    file: YamlFile,
    overlays: EnvironmentFile,
    registry: Registry,
    sources: list[DepartmentFile],
    pools: Mapping[str, PoolFile],
    cache: Cache = NO_CACHE,
) -> Iterator[Diagnostic]:
    """Find names in an environment that the repository does not have, and unknown job variables."""
    entries = [entry for source in sources if source.is_compiled for entry in source.entries()]
    deployments = {name for entry in entries if (name := entry.name)}
    slugs = {
        f"{entry.name}/{text_at(schedule, 'slug')}"
        for entry in entries
        for schedule in list_at(entry.value, "schedules")
        if text_at(schedule, "slug")
    }
    named_pools = {pool for entry in entries if (pool := text_at(entry.value, "work_pool", "name"))}
    stages = {path.parent.name + "/" + path.stem for path in (root / "configs" / "variables").glob("*/*.yaml")}
    named: dict[str, tuple[Iterable[str], set[str], str]] = {
        "pools": (overlays.pools, named_pools, "a pool that a deployment names"),
        "schedules": (overlays.schedules if isinstance(overlays.schedules, dict) else {}, slugs, "deployment/slug"),
        "limits": (overlays.limits, deployments, "a deployment"),
        "variables": (overlays.variables, {one.id for one in registry.departments}, "a department"),
    }
    if any(not source.value for source in sources):
        # The deployments of a file that cannot be read are unknown.
        named = {"variables": named["variables"]}
    for key, (given, known, what) in named.items():
        for name in given:
            if name not in known:
                message = f"{key}: expected {what}, found {name!r}; {nearest_or_all(name, known)}"
                yield file.mistake((key, name), message)
    for department, variables in overlays.variables.items():
        for stage in variables:
            if f"{department}/{stage}" not in stages:
                message = (
                    f"variables.{department}: expected a stage of configs/variables/{department}/, found {stage!r}"
                )
                yield file.mistake(("variables", department, stage), message)
    for written, overlay in overlays.pools.items():
        if overlay.name is not None and overlay.name not in pool_files(root):
            message = f"pools.{written}.name: expected a pool of infra/work-pools/, found {overlay.name!r}"
            yield file.mistake(("pools", written, "name"), message)
        chosen = pools.get(overlay.name or written)
        if chosen is None:  # already reported
            continue
        given = {
            variable: value for variable, value in overlay.job_variables.items() if value is not None
        }  # null removes the variable
        for place, message in wrong_defaults(type_of(chosen, overlays), given, cache):
            yield file.mistake(("pools", written, "job_variables", *place), f"pools.{written}.job_variables: {message}")


_INDEX = re.compile(r"deployments\.\d+")


@dataclass(frozen=True, slots=True)
class Checked:
    """Everything that was read, with all mistakes."""

    sources: list[DepartmentFile]
    environments: dict[str, EnvironmentFile]
    """Those without a mistake."""
    pools: dict[str, PoolFile]
    """Those without a mistake."""
    mistakes: list[Diagnostic]

    def entries(self) -> list[DeploymentEntry]:
        """The deployments that are included in an environment's file."""
        return [entry for source in self.sources if source.is_compiled for entry in source.entries()]


def check_deployments(
    workspace: Workspace,
    environment: Mapping[str, str] | None = None,
    cache: Cache = NO_CACHE,
    prints: Fingerprints | None = None,
) -> Checked:
    """Read and check all files that deployments are compiled from. No server is contacted.

    Importing the flows runs their modules, so what all departments depend on must be installed.

    Args:
        workspace: the checkout.
        environment: variables for placeholders; default: those of this process.
        cache: of departments that passed.
        prints: fingerprints of the workspace, if some were already made.
    """
    environment = os.environ if environment is None else environment
    try:
        registry = load_registry(workspace.root)
    except ConfigurationError as error:
        return Checked([], {}, {}, _deduplicated(error.mistakes))
    with (
        importable(member.folder / "src" for member in workspace.members.values()),
        judging(workspace, registry, cache, prints or Fingerprints(workspace)) as judged,
    ):
        pools, mistakes = read_pool_files(workspace.root)
        overlays: dict[str, Environment] = {}
        for name in environments(workspace.root):
            try:
                overlays[name] = read_environment(workspace.root, name)
            except ConfigurationError as error:
                mistakes += error.mistakes
        sources = judged()
    names = pool_files(workspace.root)
    mistakes += _registered(workspace, registry, sources)
    for source in sources:
        mistakes += source.mistakes
        for entry in source.entries():
            mistakes += misplaced(entry, names, environment)
        mistakes += retagged(source).mistakes if source.is_text else []
    mistakes += clashes(sources)
    valid: dict[str, EnvironmentFile] = {}
    for name, one in overlays.items():
        mistakes += one.mistakes
        if one.says is not None:
            mistakes += lost_overlays(workspace.root, one.file, one.says, registry, sources, pools, cache)
            valid[name] = one.says
    return Checked(sources, valid, pools, _deduplicated(mistakes))


def _registered(workspace: Workspace, registry: Registry, sources: list[DepartmentFile]) -> Iterator[Diagnostic]:
    path, departments = registry_file(workspace.root), {source.department for source in sources}
    lines = read_yaml(path)
    for index, entry in enumerate(registry.departments):
        if entry.id not in departments:
            line = lines.line(("departments", index, "id"))
            yield Diagnostic(str(path), line, f"expected a folder departments/{entry.id}, found none")
    for source in sources:
        if source.registered is None and source.path.parent.name != TEMPLATE_FOLDER:
            yield Diagnostic(str(path), None, f"expected an entry of department {source.department!r}, found none")


def _deduplicated(mistakes: list[Diagnostic]) -> list[Diagnostic]:
    """Sort mistakes by file and line, with shortened paths; a mistake in an anchor is reported once."""
    kept: dict[tuple[str, int | None, str], Diagnostic] = {}
    for one in mistakes:
        where = shown(Path(one.where)) if Path(one.where).is_absolute() else one.where
        kept.setdefault((where, one.line, _INDEX.sub("deployments", one.message)), replace(one, where=where))
    return sorted(kept.values(), key=lambda one: (one.where, one.line or 0, one.message))
