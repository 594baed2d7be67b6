"""Check of each environment: deployments, the root's `prefect.yaml`, and the desired state of the server.

It also warns of stages that wait for a completed run of the previous stage, since one failed item holds back all later
stages, and rejects an index in SQLite on a volume that several nodes write, a network file system.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from airnub_cli.cache import NO_CACHE, Cache
from airnub_cli.compile.compilation import compile_deployments, compile_environment
from airnub_cli.compile.prefect_yaml import FILE, DepartmentFile, list_at, mapping_at, retagged
from airnub_cli.compile.workspace_check import Checked
from airnub_cli.configuration import LOCAL
from airnub_cli.configuration.dotenv import known_values
from airnub_cli.configuration.environment import environments, read_environment
from airnub_cli.configuration.generated_sections import generated_sections
from airnub_cli.configuration.registry import load_registry
from airnub_cli.kubernetes import FOLDER
from airnub_cli.workspace import Workspace
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.yaml_file import YamlFile

if TYPE_CHECKING:
    # These import Prefect.
    from airnub_cli.apply.desired_state import DesiredState
    from airnub_cli.apply.variables import CheckedVariables

_COMPLETED = "prefect.flow-run.Completed"


def check_triggers(sources: Sequence[DepartmentFile]) -> Iterator[Diagnostic]:
    """Warn of deployments that wait for a completed run of their department's ingestion or processing.

    Args:
        sources: the departments' files.
    """
    for source in sources:
        old = list(_old(source))
        if old:
            names = " and ".join(dict.fromkeys(name for name, _ in old))
            place = old[0][1]
            message = (
                f"{names}: expected the events airnub.ingestion.ended and airnub.dataset.updated in the trigger, found "
                "the old form: it waits for a completed run, so one failed item holds the stage back; "
                "`airnub template update` replaces it (docs/deployments.md)"
            )
            yield Diagnostic(str(source.path), source.file.line(place), message, is_warning=True)


def _old(source: DepartmentFile) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """The names of deployments with such a trigger, and its place."""
    before = {f"{source.command}-ingestion", f"{source.command}-processing"}
    for entry in source.entries():
        for index, trigger in enumerate(list_at(entry.value, "triggers")):
            awaited = mapping_at(trigger, "match_related").get("prefect.resource.name")
            if _COMPLETED in list_at(trigger, "expect") and isinstance(awaited, str) and awaited in before:
                yield str(entry.name), ("deployments", entry.index, "triggers", index)


VOLUME = FOLDER / "data.yaml"
MANY = "ReadWriteMany"


def shared_indexes(root: Path, wanted: "DesiredState") -> Iterator[Diagnostic]:
    """Find stages without an index in PostgreSQL whose runs are pods that share a volume across nodes.

    Args:
        root: of the repository.
        wanted: the desired state of an environment.
    """
    if not any(pool.type == "kubernetes" for pool in wanted.pools) or not _is_shared(root / VOLUME):
        return
    for one in wanted.variables:
        if isinstance(one.value, dict) and "store" in one.value and one.value.get("index") is None:
            labels = dict(tag.split(":", 1) for tag in one.tags if ":" in tag)
            yield Diagnostic(
                f"configs/variables/{labels['department']}/{labels['stage']}.yaml",
                None,
                f"index: expected an index in PostgreSQL, such as {{block: secret/index-url}}, here or in "
                f"configs/environments/{wanted.environment}.yaml, found null: the volume in {VOLUME.as_posix()} "
                f"is {MANY}, a network file system, on which SQLite is not safe; on one node, ReadWriteOnce is enough",
            )


def _is_shared(path: Path) -> bool:
    if not path.is_file():
        return False
    documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return any(MANY in (one.get("spec") or {}).get("accessModes", ()) for one in documents if isinstance(one, dict))


_SOME_DIGEST = "sha256:" + "0" * 64


class _Filled(dict[str, str]):
    """A value for every placeholder, since missing values and secrets are reported by `airnub apply`."""

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: str | None = None) -> str:  # type: ignore[override]
        if name in self.keys():
            return self[name]
        return default if default and not default.startswith("${") else "https://filled-later.example.org"


def check_stale(workspace: Workspace, found: Checked, cache: Cache = NO_CACHE) -> Iterator[Diagnostic]:
    """Find files that differ from the output of `airnub compile`, and environments that do not compile.

    Args:
        workspace: the checkout.
        found: its deployments, without a mistake.
        cache: of YAML text from earlier compilations.
    """
    path = workspace.root / FILE
    try:
        text = compile_environment(workspace, LOCAL, found=found, cache=cache)
    except ConfigurationError as error:
        yield from error.mistakes
        return
    for name, environment in found.environments.items():
        if name == LOCAL:
            continue  # compiled above
        try:
            # The digests of images do not matter here, and are slow to compute.
            compile_deployments(workspace, environment, name, found, digest=lambda *_: _SOME_DIGEST, cache=cache)
        except ConfigurationError as error:
            yield from error.mistakes
    stale = [source.path for source in found.sources if (tags := retagged(source)).text != tags.expected]
    if _differs(path, text):
        stale.append(path)
    try:
        repeated = generated_sections(workspace.root, load_registry(workspace.root))
    except ConfigurationError as error:
        yield from error.mistakes
        repeated = {}
    stale += [file for file, made in repeated.items() if _differs(file, made)]
    for file in stale:
        message = "expected the output of `uv run airnub compile`, found a different text; run it"
        yield Diagnostic(str(file), None, message)


def _differs(path: Path, text: str) -> bool:
    return not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text


def check_backend(workspace: Workspace, known: "CheckedVariables | None" = None) -> Iterator[Diagnostic]:
    """Find mistakes in pools, Variables, blocks and automations, and warn of secrets that no file has.

    A mistake that only some environments have names them.

    Args:
        workspace: the checkout.
        known: Variables of departments that passed before.
    """
    from airnub_cli.apply.desired_state import read_desired_state  # imports Prefect
    from airnub_cli.apply.variables import advice

    names = environments(workspace.root) or [LOCAL]
    told: dict[Diagnostic, list[str]] = defaultdict(list)
    values = _Filled(known_values(workspace.root))
    read: dict[Path, YamlFile | ConfigurationError] = {}
    own: set[Diagnostic] = set()
    for name in names:
        try:
            read_environment(workspace.root, name)
        except ConfigurationError as error:
            own.update(error.mistakes)
        try:
            wanted = read_desired_state(workspace.root, name, values=values, known=known, read=read)
        except ConfigurationError as error:
            for one in dict.fromkeys(error.mistakes):
                told[one].append(name)
            continue
        for mistake in shared_indexes(workspace.root, wanted):
            told[mistake].append(name)
        for use in dict.fromkeys(wanted.missing_secrets):
            message = f"no file has the block {use.reference}; unless the server has it, `airnub apply` fails: "
            told[Diagnostic(use.where, use.line, message + advice(use.reference), is_warning=True)].append(name)
    for one, where in told.items():
        # An unreadable environment is found with the deployments too, by an equal mistake.
        is_unreadable = one in own
        yield (
            one
            if is_unreadable or len(where) == len(names)
            else replace(one, message=f"{one.message} (in {', '.join(where)})")
        )


def check_variables(workspace: Workspace, stages: dict[str, list[str]]) -> Iterator[Diagnostic]:
    """Find stages of active departments without a settings file.

    Args:
        workspace: the checkout.
        stages: their names by department.
    """
    try:
        registry = load_registry(workspace.root)
    except ConfigurationError:
        return  # reported with the deployments
    for one in registry.departments:
        for stage in stages.get(one.id, []) if one.status == "active" else []:
            path = workspace.root / "configs" / "variables" / one.id / f"{stage}.yaml"
            if not path.is_file():
                yield Diagnostic(str(path), None, f"expected the settings of stage {stage} of {one.id}, found no file")
