"""Published: contracts, against the code that keeps them and against everybody who reads them."""

from collections.abc import Container, Iterator
from importlib import import_module

from airnub_cli.check.parquet_paths import check_parquet_paths
from airnub_cli.check.publications import Publications, Use, Version, read_publications
from airnub_cli.check.readers import check_readers, tells_apart
from airnub_cli.workspace import Workspace
from airnub_core.contract import Contract, PublishedField
from airnub_core.published import Published, versioned
from airnub_prefect.errors import Mistake


def check_published(workspace: Workspace, broken: Container[str] = ()) -> Iterator[Mistake]:
    """Mistakes in contracts and in what departments read, readers who would break, and code that keeps no contract.

    And a warning for each reader that takes a dataset's file by its path.

    Args:
        workspace: whose sources are importable.
        broken: packages whose sources cannot be read, which is told elsewhere.
    """
    publications = read_publications(workspace)
    yield from publications.mistakes
    yield from check_readers(workspace, publications)
    yield from check_parquet_paths(workspace, publications)
    for versions in publications.versions.values():
        for version in versions.values():
            if version.says is not None and version.member.module not in broken:
                yield from _not_kept(publications, version, version.says, max(versions) + 1)


def _not_kept(publications: Publications, version: Version, says: Contract, following: int) -> Iterator[Mistake]:
    """Where the code of a version makes something else than its file says."""
    made = _made(version, says.code)
    if isinstance(made, str):
        yield version.file.mistake(("code",), made)
        return
    expected = f"{says.kind} {version.name} v{version.number}"
    found = f"{made.kind} {made.name} v{made.version}"
    if expected != found:
        yield version.file.mistake(("code",), f"expected the {expected} at {says.code}, found the {found}")
        return
    for name, wanted in says.fields.items():
        if (difference := _difference(wanted, made.fields.get(name))) is not None:
            message = f"{name}: expected {difference} at {says.code}"
            users = [_at(publications, use, "fields", name) for use in version.uses if name in use.says.fields]
            yield version.file.mistake(("fields", name), f"{message}; {_consequence(users, following)}")
    if says.key and not tells_apart(made.key, says.key):
        found = ", ".join(made.key) or "no key"
        message = f"expected one row for each {', '.join(says.key)}, found {found} at {says.code}"
        users = [_at(publications, use, "key") for use in version.uses if use.says.key]
        yield version.file.mistake(("key",), f"{message}; {_consequence(users, following)}")


def _difference(wanted: PublishedField, made: tuple[str, bool] | None) -> str | None:
    """What is published and what the code makes; to promise less than it keeps is no mistake."""
    if made is None:
        return f"{wanted.type}, found no such field"
    kind, nullable = made
    if kind != wanted.type:
        return f"{wanted.type}, found {kind}"
    return "a value every time, found one that may be null" if nullable and not wanted.nullable else None


def _at(publications: Publications, use: Use, *place: str) -> str:
    return f"{use.reader} ({publications.at(use.file, use.place(*place))})"


def _consequence(users: list[str], following: int) -> str:
    if not users:
        return "nobody reads it: change the one or the other"
    return f"read by {', '.join(users)}: publish the change as v{following} beside it until they read that"


def _made(version: Version, code: str) -> Published | str:
    """What the code publishes, or what is wrong with where it is looked for."""
    module, _, name = code.partition(":")
    if module.partition(".")[0] != version.member.module:
        return f"expected code of {version.member.module}, found {code}"
    stem = version.name if version.number == 1 else versioned(version.name, version.number)
    try:
        value = getattr(import_module(module), name)
        if isinstance(value, dict):
            value = value.get(stem, value)
        made = value.published() if hasattr(value, "published") else None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a department's code does
        return f"expected what is published at {code}, found: {type(error).__name__}: {error}"
    if isinstance(made, Published):
        return made
    if isinstance(value, dict):
        found = ", ".join(map(str, value)) or "nothing"
        return f"expected {stem} in {code}, found {found}; what is published has to be made"
    return f"expected a Dataset or an EventType at {code}, found {type(value).__name__}"
