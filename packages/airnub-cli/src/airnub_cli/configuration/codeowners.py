"""CODEOWNERS: who is asked about a change of a department's files on GitHub, made from the registry."""

from pathlib import Path

from airnub_cli.configuration.names import Names
from airnub_cli.configuration.registry import Registry

_HEAD = "# Made by `uv run airnub compile` from configs/departments.yaml; `--check` says whether this is stale.\n"


def codeowners_file(root: Path) -> Path:
    """Where it is written."""
    return root / ".github" / "CODEOWNERS"


def codeowners(registry: Registry) -> str | None:
    """The file, `None` where the registry does not say whose teams the owners are."""
    if registry.organisation is None:
        return None
    lines = []
    for one in sorted(registry.departments, key=lambda one: one.id):
        owner = f"@{registry.organisation}/{one.owner}"
        places = (
            f"/departments/{one.id}/",
            f"/configs/variables/{one.id}/",
            f"/infra/work-pools/{Names(one.id).slug}.yaml",
        )
        lines += ["", *(f"{place} {owner}" for place in places)]
    return _HEAD + "".join(f"{line}\n" for line in lines)
