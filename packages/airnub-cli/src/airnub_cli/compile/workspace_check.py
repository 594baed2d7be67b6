"""Check of all deployments, the registry and the environments, with all mistakes reported at once.

Every name in an environment must exist: an override of a missing object would silently have no effect. The job
variables of a pool must be known to its type of worker.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from airnub_cli.cache import NO_CACHE, Cache, Fingerprints
from airnub_cli.compile.department_file import DepartmentFile, DeploymentEntry, clashes, list_at, retagged, text_at
from airnub_cli.compile.deployment_check import misplaced
from airnub_cli.compile.import_checks import judged_sources
from airnub_cli.configuration.environment import EnvironmentFile, environments, read_environment
from airnub_cli.configuration.pools import PoolFile, pool_files, read_pool_files, type_of, wrong_defaults
from airnub_cli.configuration.registry import TEMPLATE_FOLDER, Registry, load_registry, registry_file
from airnub_cli.workspace import Workspace, importable
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.paths import shown
from airnub_prefect.validation import nearest_or_all
from airnub_prefect.yaml_file import YamlFile, read_yaml


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
        return Checked([], {}, {}, _told(error.mistakes))
    with importable(member.folder / "src" for member in workspace.members.values()):
        sources = judged_sources(workspace, registry, cache, prints or Fingerprints(workspace))
    names = pool_files(workspace.root)
    mistakes = list(_registered(workspace, registry, sources))
    for source in sources:
        mistakes += source.mistakes
        for entry in source.entries():
            mistakes += misplaced(entry, names, environment)
        mistakes += retagged(source).mistakes if source.is_text else []
    mistakes += clashes(sources)
    pools, wrong_pools = read_pool_files(workspace.root)
    mistakes += wrong_pools
    valid: dict[str, EnvironmentFile] = {}
    for name in environments(workspace.root):
        try:
            one = read_environment(workspace.root, name)
        except ConfigurationError as error:
            mistakes += error.mistakes
            continue
        mistakes += one.mistakes
        if one.says is not None:
            mistakes += lost_overlays(workspace.root, one.file, one.says, registry, sources, pools, cache)
            valid[name] = one.says
    return Checked(sources, valid, pools, _told(mistakes))


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


def _told(mistakes: list[Diagnostic]) -> list[Diagnostic]:
    """Sort mistakes by file and line, with shortened paths; a mistake in an anchor is reported once."""
    told: dict[tuple[str, int | None, str], Diagnostic] = {}
    for one in mistakes:
        where = shown(Path(one.where)) if Path(one.where).is_absolute() else one.where
        told.setdefault((where, one.line, _INDEX.sub("deployments", one.message)), replace(one, where=where))
    return sorted(told.values(), key=lambda one: (one.where, one.line or 0, one.message))
