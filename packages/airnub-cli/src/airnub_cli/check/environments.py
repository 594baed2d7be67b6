"""Configuration: deployments, the root's `prefect.yaml`, and what the backend is to hold, in every environment."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from airnub_cli.cache import NO_CACHE, Cache
from airnub_cli.check.check_warning import CheckWarning
from airnub_cli.check.shared_index import shared_indexes
from airnub_cli.compile.compilation import compile_environment
from airnub_cli.compile.department_file import FILE
from airnub_cli.compile.ownership import retagged
from airnub_cli.compile.workspace_check import Checked
from airnub_cli.configuration.environment import LOCAL, environments
from airnub_cli.configuration.generated_sections import generated_sections
from airnub_cli.configuration.placeholders import known_values
from airnub_cli.configuration.registry import load_registry
from airnub_cli.workspace import Workspace
from airnub_prefect.errors import ConfigurationError, Diagnostic

_SOME_DIGEST = "sha256:" + "0" * 64


class _Filled(dict[str, str]):
    """Something for every placeholder: whether values and secrets are there shows when they are applied."""

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: str | None = None) -> str:  # type: ignore[override]
        if name in self.keys():
            return self[name]
        return default if default and not default.startswith("${") else "https://filled-later.example.org"


def check_stale(workspace: Workspace, found: Checked, cache: Cache = NO_CACHE) -> Iterator[Diagnostic]:
    """Files that `airnub compile` would write otherwise, and environments for which it could write none.

    Args:
        workspace: the checkout.
        found: its deployments, without a mistake.
        cache: of texts that were made before.
    """
    path = workspace.root / FILE
    try:
        text = compile_environment(workspace, LOCAL, found=found, cache=cache)
    except ConfigurationError as error:
        yield from error.mistakes
        return
    for name in found.environments:
        try:
            # Which digests images have is not of interest here, and takes long.
            compile_environment(workspace, name, digest=lambda *_: _SOME_DIGEST, found=found, cache=cache)
        except ConfigurationError as error:
            yield from error.mistakes
    stale = [source.path for source in found.sources if (tags := retagged(source)).text != tags.expected]
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        stale.append(path)
    try:
        repeated = generated_sections(workspace.root, load_registry(workspace.root))
    except ConfigurationError as error:
        yield from error.mistakes
        repeated = {}
    stale += [file for file, made in repeated.items() if not file.is_file() or file.read_text(encoding="utf-8") != made]
    for file in stale:
        yield Diagnostic(str(file), None, "expected what `uv run airnub compile` writes, found something else; run it")


def check_backend(workspace: Workspace) -> Iterator[Diagnostic]:
    """Mistakes in pools, Variables, blocks and automations, and warnings of secrets that no file has.

    One that is in some environments alone names them.
    """
    from airnub_cli.apply.desired_state import read_desired_state  # it brings Prefect
    from airnub_cli.apply.secrets import advice

    names = environments(workspace.root) or [LOCAL]
    told: dict[Diagnostic, list[str]] = defaultdict(list)
    for name in names:
        try:
            wanted = read_desired_state(workspace.root, name, values=_Filled(known_values(workspace.root)))
        except ConfigurationError as error:
            for one in dict.fromkeys(error.mistakes):
                told[one].append(name)
            continue
        for mistake in shared_indexes(workspace.root, wanted):
            told[mistake].append(name)
        for use in dict.fromkeys(wanted.missing_secrets):
            message = f"no file has the block {use.reference}; unless the server has it, `airnub apply` fails: "
            told[CheckWarning(use.where, use.line, message + advice(use.reference))].append(name)
    for one, where in told.items():
        yield one if len(where) == len(names) else replace(one, message=f"{one.message} (in {', '.join(where)})")


def check_variables(workspace: Workspace, stages: dict[str, list[str]]) -> Iterator[Diagnostic]:
    """Stages of active departments whose flow would find no settings.

    Args:
        workspace: the checkout.
        stages: their names by department.
    """
    try:
        registry = load_registry(workspace.root)
    except ConfigurationError:
        return  # told with the deployments
    for one in registry.departments:
        for stage in stages.get(one.id, []) if one.status == "active" else []:
            path = workspace.root / "configs" / "variables" / one.id / f"{stage}.yaml"
            if not path.is_file():
                yield Diagnostic(str(path), None, f"expected the settings of stage {stage} of {one.id}, found no file")
