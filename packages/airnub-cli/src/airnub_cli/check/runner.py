"""The runner of `airnub check`: all checks, their order, and which are skipped after a mistake of an earlier one.

Checks that pass are cached by a digest of their inputs: checks of the whole workspace here, and those that import
departments for each department (`airnub_cli.compile`).

A new check is a function that yields a `Diagnostic` for each mistake, in a module beside this one; its call here; the
module's line in `__init__` and its layer in the import contract `check` (`pyproject.toml`); and a row in docs/check.md.
"""

import os
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airnub_cli.cache import NO_CACHE, Cache, DeferredCache, Fingerprints
from airnub_cli.check.committed_files import check_conflicts, check_plain_secrets
from airnub_cli.check.conformance import check_lock, check_member, check_projects, check_registration
from airnub_cli.check.descriptions import check_descriptions
from airnub_cli.check.isolation import check_dockerfile, check_test_isolation
from airnub_cli.check.unchanged import of_backend, of_imports
from airnub_cli.subprocesses import beside
from airnub_cli.workspace import Workspace, importable
from airnub_prefect.errors import Diagnostic

if TYPE_CHECKING:
    from airnub_cli.compile.prefect_yaml import DepartmentFile


def check_everything(workspace_root: Path, cache: Cache = NO_CACHE) -> list[Diagnostic]:
    """Find all mistakes and warnings of a workspace; no file is written, and no server is contacted.

    Args:
        workspace_root: the folder of its `pyproject.toml`.
        cache: of checks that passed.
    """
    if conflicts := list(check_conflicts(workspace_root)):
        return deduplicated(conflicts)  # other checks would report consequences of the conflicts
    if broken := list(check_projects(workspace_root)):
        return deduplicated(broken)  # all other checks need the project files
    workspace = Workspace.around(workspace_root)
    prints = Fingerprints(workspace)
    with (
        importable(member.folder / "src" for member in workspace.members.values()),
        beside(partial(_check_files, workspace, cache, prints)) as files_checked,
    ):
        mistakes, sources = _check_backend(workspace, cache, prints)
        of_files, unimportable, entries = files_checked()
    for kind, digest, value in entries:
        cache.put(kind, digest, value)
    mistakes += of_files
    mistakes += _check_flows(workspace, sources, unimportable)
    return deduplicated(mistakes)


def _check_files(
    workspace: Workspace, cache: Cache, prints: Fingerprints
) -> tuple[list[Diagnostic], set[str], list[tuple[str, str, Any]]]:
    """Checks of files, and of data contracts, which alone import departments: those that publish.

    Returns:
        Mistakes, modules of members that cannot be imported, and cache entries.
    """
    # They take seconds to import.
    from airnub_cli.check.import_contracts import check_import_contracts, read_imports
    from airnub_cli.check.isolation import check_dependencies
    from airnub_cli.data_contracts.compatibility import check_data_contracts

    new = DeferredCache(cache)
    mistakes: list[Diagnostic] = []
    departments = {member.module for member in workspace.members.values() if member.kind == "department"}
    for member in workspace.members.values():
        mistakes += check_member(workspace, member)
        mistakes += check_test_isolation(member, departments)
        mistakes += check_dockerfile(member)
    mistakes += check_plain_secrets(workspace.root)
    mistakes += check_registration(workspace)
    mistakes += check_lock(workspace.root)
    mistakes += check_descriptions(workspace, new)
    broken: set[str] = set()
    if not _is_known(new, "imports", digest := of_imports(workspace, prints, new)):
        found: list[Diagnostic] = []
        imports = read_imports(workspace, found, new, prints)
        found += check_import_contracts(workspace.root, imports)
        found += check_dependencies(workspace, imports, new, prints)
        _remember(new, "imports", digest, found)
        mistakes += found
        broken = {member.module for member in workspace.members.values()} - imports.sources.keys()
    mistakes += check_data_contracts(workspace, broken)
    return mistakes, broken, new.entries


def _check_backend(
    workspace: Workspace, cache: Cache, prints: Fingerprints
) -> tuple[list[Diagnostic], "list[DepartmentFile]"]:
    """Checks of the objects on the Prefect server, which import departments; mistakes, and the departments' files."""
    # They import Prefect if a department has to be imported.
    from airnub_cli.apply.variables import CheckedVariables
    from airnub_cli.check.environments import check_backend, check_stale, check_triggers
    from airnub_cli.compile.workspace_check import check_deployments

    checked = check_deployments(workspace, cache=cache, prints=prints)
    mistakes = [*checked.mistakes, *check_triggers(checked.sources)]
    digest = of_backend(workspace, prints)
    known = cache.get("backend", digest)
    if isinstance(known, list):
        mistakes += [
            Diagnostic(str(workspace.root / where), line, message, is_warning=True) for where, line, message in known
        ]
    else:
        found = list(check_backend(workspace, CheckedVariables(workspace, cache, prints)))
        if all(one.is_warning for one in found):
            # Checkouts share the cache: places are kept relative to the root.
            places = [Path(one.where).absolute().relative_to(workspace.root).as_posix() for one in found]
            rows = [[place, one.line, one.message] for place, one in zip(places, found, strict=True)]
            cache.put("backend", digest, rows)
        mistakes += found
    if not checked.mistakes:
        mistakes += check_stale(workspace, checked, cache)
    return mistakes, checked.sources


def _check_flows(workspace: Workspace, sources: "Iterable[DepartmentFile]", broken: Set[str]) -> Iterator[Diagnostic]:
    """Mistakes of flows and Variables; those of modules that cannot be imported are already reported."""
    from airnub_cli.check.environments import check_variables

    stages: dict[str, list[str]] = {}
    for source in sources:
        if source.department not in broken:
            yield from source.flows
            stages[source.department] = list((source.stages or {}).values())
    yield from check_variables(workspace, stages)


def _is_known(cache: Cache, look: str, digest: str | None) -> bool:
    return bool(cache.get(look, digest) == "right")


def _remember(cache: Cache, look: str, digest: str | None, found: list[Diagnostic]) -> None:
    # Mistakes are not cached, since their cause may be outside of what the digest covers.
    if not found:
        cache.put(look, digest, "right")


def deduplicated(mistakes: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Remove duplicates, shorten paths, and sort by file and line."""
    current = f"{Path.cwd()}{os.sep}"
    every = {
        replace(one, where=one.where.removeprefix(current)) if one.where.startswith(current) else one: None
        for one in mistakes
    }
    return sorted(every, key=lambda one: (one.where, one.line or 0, one.message))
