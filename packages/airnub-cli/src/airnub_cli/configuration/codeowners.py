"""CODEOWNERS: who reviews a change on GitHub, of a department's files and of shared ones, made from the registry."""

from pathlib import Path

from airnub_cli.configuration.names import Names
from airnub_cli.configuration.registry import Registry

_HEAD = "# Made by `uv run airnub compile` from configs/departments.yaml; `--check` says whether this is stale.\n"
# What every department runs with, or is deployed by. Of several matching lines the last counts: a department's own.
_SHARED = (
    "/.ci/",
    "/.github/",
    "/configs/automations/",
    "/configs/blocks/",
    "/configs/departments.yaml",
    "/configs/environments/",
    "/docker-compose.yml",
    "/infra/",
    "/packages/",
    "/pyproject.toml",
    "/uv.lock",
)


def codeowners_file(root: Path) -> Path:
    """Where it is written."""
    return root / ".github" / "CODEOWNERS"


def codeowners(registry: Registry) -> str | None:
    """The file, `None` where the registry does not say whose teams the owners are."""
    if registry.organisation is None:
        return None
    lines = []
    if registry.platform_owner is not None:
        lines += ["", *(f"{place} @{registry.organisation}/{registry.platform_owner}" for place in _SHARED)]
    for one in sorted(registry.departments, key=lambda one: one.id):
        owner = f"@{registry.organisation}/{one.owner}"
        places = (
            f"/departments/{one.id}/",
            f"/configs/variables/{one.id}/",
            f"/infra/work-pools/{Names(one.id).slug}.yaml",
        )
        lines += ["", *(f"{place} {owner}" for place in places)]
    return _HEAD + "".join(f"{line}\n" for line in lines)
