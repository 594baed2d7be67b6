"""Placement: the files of the root in which a member must be named, so that tools and Compose know of it."""

import tomllib
from collections.abc import Iterator
from typing import Any

from airnub_cli.check.conformance import line_of
from airnub_cli.configuration.registry import load_registry
from airnub_cli.workspace import Workspace
from airnub_prefect.errors import ConfigurationError, Mistake
from airnub_prefect.yaml_file import read_yaml


def check_placement(workspace: Workspace) -> Iterator[Mistake]:
    """Members that nobody placed, and names of members that are gone."""
    path = workspace.root / "pyproject.toml"
    tool = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    members = list(workspace.members.values())
    modules = {member.module for member in members}
    departments = {member.module for member in members if member.kind == "department"}
    linter = tool.get("importlinter", {})
    folders = {f"{member.folder.relative_to(workspace.root).as_posix()}/src" for member in members}
    for table, key, wanted, found in (
        ("tool.uv.sources", "sources", {member.name for member in members}, set(tool["uv"].get("sources", {}))),
        ("tool.mypy", "mypy_path", folders, set(tool.get("mypy", {}).get("mypy_path", []))),
        ("tool.coverage.run", "source_pkgs", modules, set(_at(tool, "coverage", "run", "source_pkgs") or [])),
        ("tool.importlinter", "root_packages", modules, set(linter.get("root_packages", []))),
        ("the import contract `layers`", "layers", modules, _layered(linter)),
        ("the import contract `departments`", "containers", departments, _contained(linter)),
    ):
        if not found:
            continue  # a workspace that does not use this tool
        line = line_of(path, key)
        for name in sorted(wanted - found):
            yield Mistake(str(path), line, f"expected {name!r} in {key} of {table}, found it missing")
        for name in sorted(found - wanted):
            yield Mistake(str(path), line, f"expected members of the workspace in {key} of {table}, found {name!r}")


def check_compose(workspace: Workspace) -> Iterator[Mistake]:
    """Active departments that Compose neither builds nor runs, and services of departments that are none."""
    path = workspace.root / "docker-compose.yml"
    if not path.is_file():
        return
    try:
        file = read_yaml(path)
        registry = load_registry(workspace.root)
    except ConfigurationError as error:
        if any(one.where == str(path) for one in error.mistakes):
            yield from error.mistakes
        return  # mistakes of the registry are told with the deployments
    services = file.value.get("services", {}) if isinstance(file.value, dict) else {}
    active = {one.id.replace("_", "-"): one.id for one in registry.departments if one.status == "active"}
    for command, department in active.items():
        for service, does in ((command, "builds its image"), (f"worker-{command}", "runs its flows")):
            if service not in services:
                yield file.mistake(
                    ("services",), f"expected a service {service}, which {does} ({department}); found none"
                )
    for service in services:
        command = str(service).removeprefix("worker-")
        if command != service and command not in active:
            message = (
                f"expected workers of active departments, found {service}; there are {', '.join(active) or 'none'}"
            )
            yield file.mistake(("services", service), message)


def _layered(linter: dict[str, Any]) -> set[str]:
    layers = _contract(linter, "layers").get("layers", [])
    return {name.strip(" ()") for layer in layers for name in layer.replace(":", "|").split("|")}


def _contained(linter: dict[str, Any]) -> set[str]:
    return set(_contract(linter, "departments").get("containers", []))


def _contract(linter: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next((one for one in linter.get("contracts", []) if one.get("id") == name), {})
    return found


def _at(table: dict[str, Any], *keys: str) -> Any:
    value: Any = table
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
