"""Published code: what the code that a contract names publishes; a department is imported for it."""

from collections.abc import Container
from dataclasses import replace
from importlib import import_module
from typing import Any

from airnub_cli.data_contracts.publications import ContractVersion, Publications
from airnub_core.contracts.limits import DatasetLimits
from airnub_core.contracts.schema import ContractSchema


def with_code(publications: Publications, broken: Container[str] = ()) -> tuple[Publications, dict[str, str]]:
    """Publications with what their code makes, and what is wrong with code that makes something else.

    Args:
        publications: as their files say it.
        broken: packages whose sources cannot be read, which are not imported.

    Returns:
        The publications, and messages by the paths of the contracts.
    """
    wrong: dict[str, str] = {}
    versions: dict[tuple[str, str], dict[int, ContractVersion]] = {}
    for name, numbered in publications.versions.items():
        for number, version in numbered.items():
            made = None
            if version.says is not None and version.member.module not in broken:
                found = published_by_code(version, version.says.code)
                if isinstance(found, str):
                    wrong[version.file.path] = found
                elif (mismatch := _mismatch(version, version.says.code, found)) is not None:
                    wrong[version.file.path] = mismatch
                else:
                    made = found
            versions.setdefault(name, {})[number] = replace(version, made=made)
    return replace(publications, versions=versions), wrong


def published_by_code(version: ContractVersion, code: str, limits: DatasetLimits | None = None) -> ContractSchema | str:
    """What the code publishes, or what is wrong with where it is looked for.

    Args:
        version: whose contract names the code.
        code: `module:name`.
        limits: what settings say of a dataset instead of its declaration.
    """
    module, _, name = code.partition(":")
    if module.partition(".")[0] != version.member.module:
        return f"expected code of {version.member.module}, found {code}"
    try:
        value: Any = getattr(import_module(module), name)
        if isinstance(value, dict):
            value = value.get(version.stem, value)
        if limits is not None:
            value = value.with_limits(limits)
        made = value.published() if hasattr(value, "published") else None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a department's code does
        return f"expected what is published at {code}, found: {type(error).__name__}: {error}"
    if isinstance(made, ContractSchema):
        return made
    if isinstance(value, dict):
        found = ", ".join(map(str, value)) or "nothing"
        return f"expected {version.stem} in {code}, found {found}; what is published has to be made"
    return f"expected a Dataset or an EventType at {code}, found {type(value).__name__}"


def _mismatch(version: ContractVersion, code: str, made: ContractSchema) -> str | None:
    assert version.says is not None, "only then there is code"
    expected = f"{version.says.kind} {version.name} v{version.number}"
    found = f"{made.kind} {made.name} v{made.version}"
    return None if expected == found else f"expected the {expected} at {code}, found the {found}"
