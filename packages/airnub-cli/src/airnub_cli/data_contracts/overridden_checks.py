"""Warnings for processing settings that loosen a check which a contract promises.

Operators may override checks (`dataset_limits`), so these are warnings, which name the readers that rely on the check.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from airnub_cli.check.report import CheckWarning
from airnub_cli.configuration.environment import Environment, environments, read_environment
from airnub_cli.configuration.environment_names import LOCAL
from airnub_cli.data_contracts.publications import ContractVersion, Publications, published_by_code
from airnub_cli.workspace import Workspace
from airnub_core.contracts.checks import loosened_check
from airnub_core.contracts.limits import DatasetLimits
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.yaml_file import YamlFile, read_yaml

_KEY = "dataset_limits"


def check_overridden(workspace: Workspace, publications: Publications) -> Iterator[CheckWarning]:
    """Warn of each published check whose settings, in any environment, promise less than its contract.

    Args:
        workspace: whose sources are importable.
        publications: of it, with what their code makes.
    """
    datasets = [
        version
        for versions in publications.versions.values()
        for version in versions.values()
        if version.made is not None and version.made.checks
    ]
    if not datasets:
        return
    read = [one for name in environments(workspace.root) or [LOCAL] if (one := _environment(workspace, name))]
    found: dict[CheckWarning, None] = {}
    for version in datasets:
        if (file := _settings(workspace, version)) is not None:
            for environment in read:
                over = environment.over(file, "variables", version.member.folder.name, "processing")
                found |= dict.fromkeys(_loosened(publications, version, over))
    yield from found


def _environment(workspace: Workspace, name: str) -> Environment | None:
    """What is wrong with one is reported with what the backend is to hold."""
    try:
        return read_environment(workspace.root, name)
    except ConfigurationError:
        return None


def _settings(workspace: Workspace, version: ContractVersion) -> YamlFile | None:
    path = workspace.root / "configs" / "variables" / version.member.folder.name / "processing.yaml"
    try:
        return read_yaml(path) if path.is_file() else None
    except ConfigurationError:
        return None


def _loosened(publications: Publications, version: ContractVersion, file: YamlFile) -> Iterator[CheckWarning]:
    every = file.value.get(_KEY) if isinstance(file.value, Mapping) else None
    says: Any = every.get(version.stem) if isinstance(every, Mapping) else None
    promises = version.promises
    if not isinstance(says, Mapping) or promises is None:
        return
    try:
        limits = DatasetLimits.model_validate(says)
    except ValidationError:
        return  # reported with what the backend is to hold
    made = published_by_code(version, promises.code, limits)
    if isinstance(made, str):
        return
    for name, check in (promises.checks or {}).items():
        difference = loosened_check(name, check, made.checks)
        if difference is None or version.made is None or loosened_check(name, check, version.made.checks) is not None:
            continue  # what the code itself loosens is a mistake of its own
        place = (_KEY, version.stem, *(("checks", name) if name in (limits.checks or {}) else ("fresh_within",)))
        department = version.member.folder.name
        what = f"{department} promises the check {name} of {department}/{version.name} v{version.number}"
        users = [
            f"{use.reader} ({publications.at(use.file, use.place('checks', name))})"
            for use in version.uses
            if name in (use.says.checks or {})
        ]
        readers = f"relied on by {', '.join(users)}" if users else "no reader relies on it"
        at = file.mistake(place, f"{what}, expected {difference} in these settings; {readers}")
        yield CheckWarning(at.where, at.line, at.message)
