"""Compilation of an environment's file from departments' files, the registry and the environment's overrides."""

import functools
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any

import yaml

from airnub_cli.cache import NO_CACHE, Cache, digest_of
from airnub_cli.compile.deployment_check import unfilled, variables
from airnub_cli.compile.prefect_yaml import SOURCES, DeploymentEntry, list_at, mapping_at, tags, text_at
from airnub_cli.compile.prefect_yaml_schema import GUARD
from airnub_cli.compile.workspace_check import Checked, check_deployments
from airnub_cli.configuration import LOCAL, PoolType
from airnub_cli.configuration.environment import EnvironmentFile, environment_file, load_environment, overlay
from airnub_cli.configuration.pools import PoolFile, job_variables, type_of
from airnub_cli.images.image import ImageDigest
from airnub_cli.workspace import Workspace
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.paths import shown

_ORDER = (
    "name", "description", "entrypoint", "version", "tags", "parameters", "enforce_parameter_schema", "work_pool",
    "pull", "paused", "concurrency_limit", "schedules", "triggers",
)  # fmt: skip
_KEY = "deployments:\n"
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def compile_environment(
    workspace: Workspace,
    name: str = LOCAL,
    *,
    digest: ImageDigest | None = None,
    kind: PoolType | None = None,
    found: Checked | None = None,
    cache: Cache = NO_CACHE,
) -> str:
    """Compile the `prefect.yaml` of an environment. Equal inputs give equal text.

    Args:
        workspace: the checkout.
        name: of the environment.
        digest: returns the digest of an image; required if the environment has a registry.
        kind: overrides the type of all work pools; processes have no images and no pull steps.
        found: the result of `check_deployments`, if it was already called.
        cache: of YAML text from earlier compilations.

    Raises:
        ConfigurationError: the files have mistakes, all of which are reported with their lines.
    """
    found = found or check_deployments(workspace, cache=cache)
    if found.mistakes:
        raise ConfigurationError(found.mistakes)
    environment = load_environment(workspace.root, name)
    deployments = compile_deployments(workspace, environment, name, found, digest=digest, kind=kind, cache=cache)
    value: dict[str, Any] = {"name": "airnub"}
    if names := sorted(variables(deployments)):
        value["build"] = [{GUARD: {"names": names}}]
    if not deployments:
        return _head(name, kind, environment) + _dumped(value | {"deployments": []})
    by_source = zip(found.entries(), deployments, strict=True)
    groups = groupby(by_source, lambda pair: pair[0].source.path)
    blocks = _blocks([[one for _, one in group] for _, group in groups], cache)
    return f"{_head(name, kind, environment)}{_dumped(value)}{_KEY}{''.join(blocks)}"


def compile_deployments(
    workspace: Workspace,
    environment: EnvironmentFile,
    name: str,
    found: Checked,
    *,
    digest: ImageDigest | None = None,
    kind: PoolType | None = None,
    cache: Cache = NO_CACHE,
) -> list[dict[str, Any]]:
    """Compile the deployments of an environment, without serialising them.

    Args:
        workspace: the checkout.
        environment: the content of the environment's file.
        name: of the environment.
        found: the result of `check_deployments`, without a mistake.
        digest: as in `compile_environment`.
        kind: as in `compile_environment`.
        cache: of the names of job variables.

    Raises:
        ConfigurationError: the files have mistakes, all of which are reported with their lines.
    """
    entries = found.entries()
    images = _Images(environment, digest)
    knows = functools.cache(lambda kind: job_variables(kind, cache))
    replaced = {department: [f"{SOURCES}:{name}"] for department in environment.replaced_sources()}
    deployments = [
        _deployment(entry, environment, found.pools, kind, images, knows, replaced.get(entry.source.department, []))
        for entry in entries
    ]
    where = shown(environment_file(workspace.root, name))
    mistakes = [
        Diagnostic(where, None, f"{deployment['name']}.{'.'.join(map(str, place))}: {message}")
        for deployment in deployments
        for place, message in unfilled(deployment, os.environ)
    ]
    mistakes += _misplaced(name, environment, deployments, found.pools, where)
    if mistakes:
        raise ConfigurationError(mistakes)
    return deployments


def _blocks(departments: list[list[dict[str, Any]]], cache: Cache) -> list[str]:
    """The deployments of each department as YAML text, cached, since serialising takes longer."""
    blocks = []
    for deployments in departments:
        digest = _digest(deployments)
        block = cache.get("blocks", digest)
        if not isinstance(block, str):
            block = _dumped({"deployments": deployments}).removeprefix(_KEY)
            cache.put("blocks", digest, block)
        blocks.append(block)
    return blocks


def _digest(deployments: list[dict[str, Any]]) -> str | None:
    try:
        return digest_of(json.dumps(deployments))
    except TypeError:
        return None  # values that YAML can represent and JSON cannot


def _dumped(value: dict[str, Any]) -> str:
    # PyYAML's own dumper takes five times as long, and breaks and escapes some texts differently.
    if not yaml.__with_libyaml__:
        message = "expected libyaml, as its wheels include it, found none; `uv sync --reinstall-package pyyaml`"
        raise ConfigurationError.of("PyYAML", message)
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


class _Images:
    """The image of each department, and the version of its deployments, which is derived from the image."""

    def __init__(self, environment: EnvironmentFile, digest: ImageDigest | None) -> None:
        self._registry = environment.registry
        self._digest = digest
        self._tags: dict[str, str] = {}

    def version(self, entry: DeploymentEntry) -> str | None:
        """The tag of the image; `None` where Compose builds the images, whose tag is always `local`."""
        department = entry.source.department
        if self._registry is None or self._digest is None:
            return None
        if department not in self._tags:
            tag = self._digest(department).removeprefix("sha256:")
            if _TAG.fullmatch(tag) is None:
                raise ConfigurationError.of(
                    department, f"expected a digest that can be a tag of an image, found {tag!r}"
                )
            self._tags[department] = tag
        return self._tags[department]

    def name(self, entry: DeploymentEntry) -> str:
        """The image reference that Docker pulls."""
        version = self.version(entry)
        return (
            f"airnub/{entry.source.command}:local"
            if version is None
            else (f"{self._registry}/{entry.source.command}:{version}")
        )


def _deployment(
    entry: DeploymentEntry, environment: EnvironmentFile, pools: Mapping[str, PoolFile], asked: PoolType | None,
    images: _Images, knows: Callable[[PoolType], list[str]], also: list[str],
) -> dict[str, Any]:  # fmt: skip
    """A deployment of an environment, including the keys that its department declares at the top of the file."""
    value: dict[str, Any] = {"pull": entry.source.value.get("pull")} | entry.value | {"tags": tags(entry, also)}
    written = text_at(value, "work_pool", "name") or ""
    over = environment.pools.get(written)
    pool = (over and over.name) or written
    kind = type_of(pools[pool], environment, asked)
    variables = dict(mapping_at(value, "work_pool", "job_variables"))
    if kind == "process":
        value["pull"] = []  # the code is installed with the worker
    else:
        variables["image"] = images.name(entry)
        if version := images.version(entry):
            value["version"] = version
    # Departments' files have the variables of Docker pools.
    overlaid = overlay(variables, over.job_variables if over else {})
    variables = {name: value for name, value in overlaid.items() if name in knows(kind)}
    value["work_pool"] = value["work_pool"] | {"name": pool}
    value["work_pool"].pop("job_variables", None)
    if variables:
        value["work_pool"]["job_variables"] = variables
    if (limit := environment.limits.get(value["name"])) is not None:
        value["concurrency_limit"] = mapping_at(value, "concurrency_limit") | {"limit": limit}
    if schedules := list_at(value, "schedules"):
        value["schedules"] = [_schedule(schedule, value["name"], environment) for schedule in schedules]
    return {key: value[key] for key in _ORDER if value.get(key) is not None}


def _schedule(schedule: dict[str, Any], deployment: str, environment: EnvironmentFile) -> dict[str, Any]:
    said = environment.schedules
    active = said if isinstance(said, bool) else said.get(f"{deployment}/{schedule['slug']}", schedule["active"])
    return schedule | {"active": active}


def _misplaced(
    name: str,
    environment: EnvironmentFile,
    deployments: list[dict[str, Any]],
    pools: Mapping[str, PoolFile],
    where: str,
) -> Iterator[Diagnostic]:
    """Deployments whose pool does not exist in this environment."""
    for deployment in deployments:
        pool = deployment["work_pool"]["name"]
        used = pools[pool].environments
        if used is not None and {name, environment.extends}.isdisjoint(used):
            message = f"{deployment['name']}: expected a pool of this environment, found {pool!r} of {', '.join(used)}"
            yield Diagnostic(where, None, message)


def _head(name: str, kind: PoolType | None, environment: EnvironmentFile) -> str:
    command = "uv run airnub compile" + ("" if name == LOCAL else f" --env {name}")
    if kind not in {None, environment.kind}:
        command += f" --pools {kind}"
    return (
        f"# Generated by `{command}` from departments/*/prefect.yaml, configs/departments.yaml and\n"
        f"# configs/environments/{name}.yaml. Change those and run it again; `--check` reports stale files.\n\n"
    )


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Plain YAML without anchors."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True
