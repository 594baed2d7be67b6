"""Compatibility of contracts: with every reader, with the code that publishes, and with overridden checks.

Breaking, if a reader relies on it: publish the change as a further version beside the present one
    a version that is removed, or whose department is retired
    a field that is removed, or has a different type, also a wider one, or a different unit
    a field that may be null, and could not before
    a key that is removed, or has a field more
    looser values of a field, or a looser check (`airnub_core.contracts.checks`)
Not breaking
    a further field, and any change of a field that no reader uses
    a field that is never null any more, a key with fewer fields, stricter values and checks

The code has to keep its contract by the same rules, except for units, which code does not have.

Operators may override checks in processing settings (`dataset_limits`), so a check that promises less than its contract
is a warning, which names the readers that rely on it; every other difference is a mistake.
"""

import re
from collections.abc import Container, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from airnub_cli.configuration import LOCAL
from airnub_cli.configuration.environment import Environment, environments, read_environment
from airnub_cli.configuration.registry import load_registry
from airnub_cli.data_contracts.dataset_usage import check_cycles, check_dataset_inputs, check_parquet_paths
from airnub_cli.data_contracts.publications import (
    FILE,
    ContractVersion,
    Publications,
    Use,
    contract_path,
    published_by_code,
    read_publications,
    with_code,
)
from airnub_cli.workspace import Workspace
from airnub_core.contracts.checks import FieldValues, loosened_check
from airnub_core.contracts.contract import Contract, ContractSchema, PublishedField
from airnub_core.contracts.limits import DatasetLimits
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.yaml_file import YamlFile, read_yaml

_EVENT = re.compile(r"\bairnub\.(?P<department>\w+)\.(?P<name>[\w-]+)\.v(?P<version>\d+)\b")


def check_readers(workspace: Workspace, publications: Publications) -> Iterator[Diagnostic]:
    """Find reads that no published contract satisfies, and triggers on events that no department sends.

    Args:
        workspace: the checkout.
        publications: of it.
    """
    retired = _retired(workspace) if publications.uses else set()
    for use in publications.uses:
        yield from _unmet(publications, use)
        if use.says.department in retired and use.reader not in retired:
            found = "expected an active department, found a retired one, which no longer publishes it"
            yield use.mistake(f"{use.reader} reads {use.what}, {found}", "contract")
    yield from _unsent(workspace, publications)


def _retired(workspace: Workspace) -> set[str]:
    """Retired departments; mistakes in the registry are reported elsewhere."""
    try:
        return {one.id for one in load_registry(workspace.root).departments if one.status == "retired"}
    except ConfigurationError:
        return set()


def _unmet(publications: Publications, use: Use) -> Iterator[Diagnostic]:
    says = use.says
    versions = publications.of(says.department, says.name)
    if (version := versions.get(says.version)) is None:
        path = contract_path(says.department, says.name, says.version)
        message = f"{use.reader} reads {use.what}, expected {path}, found {_instead(publications, use)}"
        yield use.mistake(message, "contract")
        return
    if version.says is None:
        return
    for name, wanted in says.fields.items():
        if (difference := _difference(wanted, version.says.fields.get(name))) is not None:
            where = publications.at(version.file, ("fields", name))
            message = f"{use.reader} reads {name} of {use.what}, expected {difference} in {where}"
            yield use.mistake(f"{message}; {_advice(use, versions)}", "fields", name)
    if says.key and not tells_apart(version.says.key, says.key):
        where, found = publications.at(version.file, ("key",)), ", ".join(version.says.key) or "no key"
        message = (
            f"{use.reader} reads {use.what}, expected one row for each {', '.join(says.key)}, found {found} in {where}"
        )
        yield use.mistake(f"{message}; {_advice(use, versions)}", "key")
    for place, message in _loosened(publications, version, version.says, use):
        yield use.mistake(f"{message}; {_advice(use, versions)}", *place)


def _loosened(
    publications: Publications, version: ContractVersion, written: Contract, use: Use
) -> Iterator[tuple[tuple[str, str], str]]:
    """Find values and checks on which a reader relies and for which the contract promises less.

    Values that the contract omits are taken from its code; if the code is unknown, nothing is reported here.
    """
    promises = version.promises or written
    for name, wanted in use.says.fields.items():
        of_file = written.fields.get(name)
        if of_file is None or _difference(wanted, of_file) is not None:
            continue  # reported as a missing field
        is_written = any(getattr(of_file, one) is not None for one in FieldValues.model_fields)
        difference = wanted.loosened_by(promises.fields[name])
        if difference is not None and (is_written or version.made is not None):
            where = f"in {publications.at(version.file, ('fields', name))}" if is_written else f"at {written.code}"
            yield ("fields", name), f"{use.reader} reads {name} of {use.what}, expected {difference} {where}"
    for name, check in (use.says.checks or {}).items():
        if promises.checks is not None and (difference := loosened_check(name, check, promises.checks)) is not None:
            is_written = written.checks is not None
            where = f"in {publications.at(version.file, ('checks', name))}" if is_written else f"at {written.code}"
            relies = f"{use.reader} relies on the check {name} of {use.what}"
            yield ("checks", name), f"{relies}, expected {difference} {where}"


def tells_apart(key: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether there is at most one row for each value of the wanted fields, as there is for each of the key."""
    return bool(key) and set(key) <= set(wanted)


def _difference(wanted: PublishedField, found: PublishedField | None) -> str | None:
    """Describe expected and found type. A wider type is a mismatch: readers can join and stack equal types only."""
    if found is None:
        return f"{wanted.type}, found no such field"
    if found.type != wanted.type:
        return f"{wanted.type}, found {found.type}"
    if found.unit != wanted.unit:
        return f"{_measured(wanted)}, found {_measured(found)}"
    if found.nullable and not wanted.nullable:
        return "a value every time, found nullable: true"
    return None


def _measured(one: PublishedField) -> str:
    return f"{one.type} in {one.unit}" if one.unit else f"{one.type} without a unit"


def _advice(use: Use, versions: dict[int, ContractVersion]) -> str:
    following = f"v{max(versions) + 1}"
    return (
        f"leave v{use.says.version} as it was, and publish the change as {following} beside it "
        f"until {use.reader} reads {following}"
    )


def _instead(publications: Publications, use: Use) -> str:
    says = use.says
    if versions := publications.of(says.department, says.name):
        there = ", ".join(f"v{number}" for number in sorted(versions))
        return f"only {there}; keep v{says.version} beside it until {use.reader} reads a different version"
    close = get_close_matches(says.contract, [f"{one}/{name}" for one, name in publications.versions], n=1)
    return f"none; did you mean {close[0]!r}?" if close else "none"


def _unsent(workspace: Workspace, publications: Publications) -> Iterator[Diagnostic]:
    """Find triggers and automations on events that no department publishes: these would silently never fire."""
    departments = [one.folder for one in workspace.members.values() if one.kind == "department"]
    files: list[tuple[Path, str | None]] = [(folder / "prefect.yaml", folder.name) for folder in departments]
    files += [(path, None) for path in sorted((workspace.root / "configs" / "automations").glob("*.yaml"))]
    for path, reader in files:
        for number, event in _waiting(path):
            if (wrong := _wrong_event(publications, event, reader)) is not None:
                yield Diagnostic(str(path), number, f"{reader or path.stem} waits for {event[0]}, expected {wrong}")


def _waiting(path: Path) -> Iterator[tuple[int, re.Match[str]]]:
    """Names of published events in a file, outside of comments, with their lines."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if "airnub." in text:
        for number, line in enumerate(text.splitlines(), 1):
            written = "" if line.lstrip().startswith("#") else line.partition(" #")[0]
            yield from ((number, match) for match in _EVENT.finditer(written))


def _wrong_event(publications: Publications, event: re.Match[str], reader: str | None) -> str | None:
    department, name, number = event["department"], event["name"], int(event["version"])
    version = publications.of(department, name).get(number)
    if version is None or (version.says is not None and version.says.kind != "event"):
        return f"an event in {contract_path(department, name, number)}, found none"
    if reader in {None, department} or reader in {use.reader for use in version.uses}:
        return None
    return f"{department}/{name} v{number} in {FILE} of {reader}, found it not; say there which fields it uses"


def check_data_contracts(workspace: Workspace, broken: Container[str] = ()) -> Iterator[Diagnostic]:
    """Find mistakes in contracts and reads, readers that a change would break, and code that violates its contract.

    Also returns a warning for each reader that opens a dataset's file by path, and for each check that settings loosen.

    Args:
        workspace: whose sources are importable.
        broken: packages whose sources cannot be read, which is reported elsewhere.
    """
    publications, wrong = with_code(read_publications(workspace), broken)
    yield from publications.mistakes
    yield from check_readers(workspace, publications)
    yield from check_dataset_inputs(workspace, publications)
    yield from check_cycles(publications)
    yield from check_parquet_paths(workspace, publications)
    yield from check_overridden(workspace, publications)
    for versions in publications.versions.values():
        for version in versions.values():
            if (message := wrong.get(version.file.path)) is not None:
                yield message if isinstance(message, Diagnostic) else version.file.mistake(("code",), message)
            elif version.says is not None and version.made is not None:
                yield from _not_kept(publications, version, version.says, version.made, max(versions) + 1)


def _not_kept(
    publications: Publications, version: ContractVersion, says: Contract, made: ContractSchema, following: int
) -> Iterator[Diagnostic]:
    """Find differences between the contract file of a version and its code."""
    for name, wanted in says.fields.items():
        if (difference := _unkept_field(wanted, made.fields.get(name), made.values.get(name))) is not None:
            message = f"{name}: expected {difference} at {says.code}"
            users = [_at(publications, use, "fields", name) for use in version.uses if name in use.says.fields]
            yield version.file.mistake(("fields", name), f"{message}; {_consequence(users, following)}")
    if says.key and not tells_apart(made.key, says.key):
        found = ", ".join(made.key) or "no key"
        message = f"expected one row for each {', '.join(says.key)}, found {found} at {says.code}"
        users = [_at(publications, use, "key") for use in version.uses if use.says.key]
        yield version.file.mistake(("key",), f"{message}; {_consequence(users, following)}")
    for name, check in (says.checks or {}).items():
        if (difference := loosened_check(name, check, made.checks)) is not None:
            message = f"check {name}: expected {difference} at {says.code}"
            users = [_at(publications, use, "checks", name) for use in version.uses if name in (use.says.checks or {})]
            said = _consequence(users, following, without="no reader relies on it")
            yield version.file.mistake(("checks", name), f"{message}; {said}")


def _unkept_field(wanted: PublishedField, made: tuple[str, bool] | None, values: FieldValues | None) -> str | None:
    """Describe where the code breaks the contract; a contract that promises less than the code keeps is valid."""
    if made is None:
        return f"{wanted.type}, found no such field"
    kind, nullable = made
    if kind != wanted.type:
        return f"{wanted.type}, found {kind}"
    if nullable and not wanted.nullable:
        return "a value every time, found one that may be null"
    return wanted.loosened_by(values or FieldValues())


def _at(publications: Publications, use: Use, *place: str) -> str:
    return f"{use.reader} ({publications.at(use.file, use.place(*place))})"


def _consequence(users: list[str], following: int, without: str = "no department reads it") -> str:
    if not users:
        return f"{without}: change the contract or the code"
    return f"read by {', '.join(users)}: publish the change as v{following} beside it until they read v{following}"


_LIMITS = "dataset_limits"


def check_overridden(workspace: Workspace, publications: Publications) -> Iterator[Diagnostic]:
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
    read = [one for name in environments(workspace.root) or [LOCAL] if (one := _readable_environment(workspace, name))]
    found: dict[Diagnostic, None] = {}
    for version in datasets:
        if (file := _processing_settings(workspace, version)) is not None:
            for environment in read:
                over = environment.over(file, "variables", version.member.folder.name, "processing")
                found |= dict.fromkeys(_loosened_by_settings(publications, version, over))
    yield from found


def _readable_environment(workspace: Workspace, name: str) -> Environment | None:
    """Read an environment; `None` if it is invalid, which the check of the desired state reports."""
    try:
        return read_environment(workspace.root, name)
    except ConfigurationError:
        return None


def _processing_settings(workspace: Workspace, version: ContractVersion) -> YamlFile | None:
    path = workspace.root / "configs" / "variables" / version.member.folder.name / "processing.yaml"
    try:
        return read_yaml(path) if path.is_file() else None
    except ConfigurationError:
        return None


def _loosened_by_settings(publications: Publications, version: ContractVersion, file: YamlFile) -> Iterator[Diagnostic]:
    every = file.value.get(_LIMITS) if isinstance(file.value, Mapping) else None
    says: Any = every.get(version.stem) if isinstance(every, Mapping) else None
    promises = version.promises
    if not isinstance(says, Mapping) or promises is None:
        return
    try:
        limits = DatasetLimits.model_validate(says)
    except ValidationError:
        return  # reported by the check of the desired state
    made = published_by_code(version, promises.code, limits)
    if not isinstance(made, ContractSchema):
        return
    for name, check in (promises.checks or {}).items():
        difference = loosened_check(name, check, made.checks)
        if difference is None or version.made is None or loosened_check(name, check, version.made.checks) is not None:
            continue  # loosened by the code itself, which is reported as a mistake
        place = (_LIMITS, version.stem, *(("checks", name) if name in (limits.checks or {}) else ("fresh_within",)))
        department = version.member.folder.name
        what = f"{department} promises the check {name} of {department}/{version.name} v{version.number}"
        users = [
            f"{use.reader} ({publications.at(use.file, use.place('checks', name))})"
            for use in version.uses
            if name in (use.says.checks or {})
        ]
        readers = f"relied on by {', '.join(users)}" if users else "no reader relies on it"
        at = file.mistake(place, f"{what}, expected {difference} in these settings; {readers}")
        yield Diagnostic(at.where, at.line, at.message, is_warning=True)
