"""Everything: which looks there are, and their order; those that need what another found wrong are left out."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from airnub_cli.check.conformance import check_member, check_projects
from airnub_cli.check.lock import check_lock
from airnub_cli.check.placement import check_placement
from airnub_cli.memory import NOTHING, Memory
from airnub_cli.workspace import Workspace
from airnub_prefect.errors import Mistake
from airnub_prefect.places import shown


def check_everything(workspace_root: Path, memory: Memory = NOTHING) -> list[Mistake]:
    """All mistakes of a workspace, sorted by file and line. Nothing is sent, nothing written, no server asked.

    Args:
        workspace_root: the folder of its `pyproject.toml`.
        memory: of what was found right.
    """
    if broken := list(check_projects(workspace_root)):
        return told(broken)  # without a project file, nothing can be said of what stands on it
    workspace = Workspace.around(workspace_root)
    mistakes = [one for member in workspace.members.values() for one in check_member(workspace, member)]
    mistakes += check_placement(workspace)
    mistakes += check_lock(workspace_root)
    mistakes += _imported(workspace, memory)
    return told(mistakes)


def _imported(workspace: Workspace, memory: Memory) -> list[Mistake]:
    # They bring Prefect, which the other looks go without.
    from airnub_cli.check.configuration import check_backend, check_stale, check_variables
    from airnub_cli.check.contracts import check_contracts
    from airnub_cli.check.dependencies import check_dependencies
    from airnub_cli.check.imports import importable, read_imports
    from airnub_cli.check.published import check_published
    from airnub_cli.deployments.checking import check_deployments

    mistakes: list[Mistake] = []
    with importable(workspace):
        imports = read_imports(workspace, mistakes)
        mistakes += check_contracts(workspace.root, imports)
        mistakes += check_dependencies(workspace, imports)
        found = check_deployments(workspace, memory=memory)
        mistakes += found.mistakes
        stages: dict[str, list[str]] = {}
        for source in found.sources:
            if source.department in imports.sources:  # else there is nothing to import, which is told already
                mistakes += source.flows
                if not source.flows:
                    stages[source.department] = list((source.stages or {}).values())
        mistakes += check_published(workspace, imports)
        mistakes += check_variables(workspace, stages)
        mistakes += check_backend(workspace)
        if not found.mistakes:
            mistakes += check_stale(workspace, found, memory)
    return mistakes


def told(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Each once, with paths as a person types them, file by file and line by line."""
    every = {
        replace(one, where=shown(Path(one.where)) if Path(one.where).is_absolute() else one.where): None
        for one in mistakes
    }
    return sorted(every, key=lambda one: (one.where, one.line or 0, one.message))
