"""Published: contracts, against the code that keeps them and against everybody who reads them."""

from collections.abc import Container, Iterator

from airnub_cli.data_contracts.dataset_inputs import check_cycles, check_dataset_inputs
from airnub_cli.data_contracts.overridden_checks import check_overridden
from airnub_cli.data_contracts.parquet_paths import check_parquet_paths
from airnub_cli.data_contracts.publications import ContractVersion, Publications, Use, read_publications
from airnub_cli.data_contracts.published_code import with_code
from airnub_cli.data_contracts.readers import check_readers, tells_apart
from airnub_cli.workspace import Workspace
from airnub_core.contracts.checks import FieldValues, loosened_check
from airnub_core.contracts.contract import Contract, PublishedField
from airnub_core.contracts.schema import ContractSchema
from airnub_prefect.errors import Diagnostic


def check_data_contracts(workspace: Workspace, broken: Container[str] = ()) -> Iterator[Diagnostic]:
    """Mistakes in contracts and in what departments read, readers who would break, and code that keeps no contract.

    And a warning for each reader that takes a dataset's file by its path, and for each check that settings loosen.

    Args:
        workspace: whose sources are importable.
        broken: packages whose sources cannot be read, which is told elsewhere.
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
                yield version.file.mistake(("code",), message)
            elif version.says is not None and version.made is not None:
                yield from _not_kept(publications, version, version.says, version.made, max(versions) + 1)


def _not_kept(
    publications: Publications, version: ContractVersion, says: Contract, made: ContractSchema, following: int
) -> Iterator[Diagnostic]:
    """Where the code of a version makes something else than its file says."""
    for name, wanted in says.fields.items():
        if (difference := _difference(wanted, made.fields.get(name), made.values.get(name))) is not None:
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


def _difference(wanted: PublishedField, made: tuple[str, bool] | None, values: FieldValues | None) -> str | None:
    """What is published and what the code makes; to promise less than it keeps is no mistake."""
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


def _consequence(users: list[str], following: int, without: str = "nobody reads it") -> str:
    if not users:
        return f"{without}: change the one or the other"
    return f"read by {', '.join(users)}: publish the change as v{following} beside it until they read that"
