"""Placement: where the root's `pyproject.toml` must name every member, so that tools know of it."""

import tomllib
from collections.abc import Iterator
from typing import Any

from airnub_cli.check.conformance import line_of
from airnub_cli.workspace import Workspace
from airnub_prefect.errors import Diagnostic


def check_registration(workspace: Workspace) -> Iterator[Diagnostic]:
    """Members that nobody placed, and names of members that are gone."""
    path = workspace.root / "pyproject.toml"
    tool = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    members = list(workspace.members.values())
    modules = {member.module for member in members}
    departments = {member.module for member in members if member.kind == "department"}
    folders = {member.folder for member in members}
    for kind in ("packages", "departments"):
        for outside in sorted({one.parent for one in workspace.root.glob(f"{kind}/*/pyproject.toml")} - folders):
            message = f"expected a member of the workspace, found it in none of `members` of {path.name}"
            yield Diagnostic(str(outside / "pyproject.toml"), None, message)
    linter = tool.get("importlinter", {})
    for table, key, wanted, found in (
        ("tool.importlinter", "root_packages", modules, set(linter.get("root_packages", []))),
        ("the import contract `layers`", "layers", modules, _layered(linter)),
        ("the import contract `departments`", "containers", departments, _contained(linter)),
    ):
        if not found:
            continue  # a workspace that does not use this tool
        line = line_of(path, key)
        for name in sorted(wanted - found):
            yield Diagnostic(str(path), line, f"expected {name!r} in {key} of {table}, found it missing")
        for name in sorted(found - wanted):
            yield Diagnostic(str(path), line, f"expected members of the workspace in {key} of {table}, found {name!r}")


def _layered(linter: dict[str, Any]) -> set[str]:
    layers = _contract(linter, "layers").get("layers", [])
    return {name.strip(" ()") for layer in layers for name in layer.replace(":", "|").split("|")}


def _contained(linter: dict[str, Any]) -> set[str]:
    return set(_contract(linter, "departments").get("containers", []))


def _contract(linter: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next((one for one in linter.get("contracts", []) if one.get("id") == name), {})
    return found
