"""Overlays: what an environment names must be there, or it would change nothing and say nothing.

What it gives to a pool must be something that the pool's workers understand.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from airnub_cli.cache import NO_CACHE, Cache
from airnub_cli.compile.department_file import DepartmentFile, list_at, text_at
from airnub_cli.configuration.environment import EnvironmentFile
from airnub_cli.configuration.job_templates import wrong_defaults
from airnub_cli.configuration.pools import PoolFile, pool_files, type_of
from airnub_cli.configuration.registry import Registry
from airnub_prefect.errors import Diagnostic
from airnub_prefect.validation import nearest_or_all
from airnub_prefect.yaml_file import YamlFile


def lost_overlays(
    root: Path,
    file: YamlFile,
    overlays: EnvironmentFile,
    registry: Registry,
    sources: list[DepartmentFile],
    pools: Mapping[str, PoolFile],
    cache: Cache = NO_CACHE,
) -> Iterator[Diagnostic]:
    """What an environment names and the repository does not have, and job variables that are none."""
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
        if chosen is None:  # which is told already
            continue
        given = {
            variable: value for variable, value in overlay.job_variables.items() if value is not None
        }  # null removes
        for place, message in wrong_defaults(type_of(chosen, overlays), given, cache):
            yield file.mistake(("pools", written, "job_variables", *place), f"pools.{written}.job_variables: {message}")
