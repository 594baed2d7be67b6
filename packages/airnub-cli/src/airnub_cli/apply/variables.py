"""Prefect Variables with the settings of each stage, from `configs/variables/` and the environment.

The department's own model validates the settings and gives the Variable's name, the one that its flow reads. A secret
that settings name is a block of `configs/blocks/`, a block of the server, or a variable of the environment.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from airnub_cli.apply.blocks import FOLDER as BLOCKS_FOLDER
from airnub_cli.apply.blocks import block_id
from airnub_cli.cache import Cache, Fingerprints
from airnub_cli.configuration.entry_files import Diagnostics, yaml_files
from airnub_cli.configuration.environment import Environment
from airnub_cli.import_errors import import_mistake
from airnub_cli.prefect_api import Action, Change, Json, PrefectServer, differences, path_of, unchanged
from airnub_cli.workspace import INSTALL_ALL, Workspace
from airnub_prefect.department import Department
from airnub_prefect.errors import Diagnostic
from airnub_prefect.paths import shown
from airnub_prefect.secrets import variable_name
from airnub_prefect.settings import StoreSettings
from airnub_prefect.validation import checked, nearest
from airnub_prefect.yaml_file import Place

FOLDER = Path("configs", "variables")
LARGEST = 5000
"""Maximum size of a Prefect Variable, in bytes of JSON."""
TAG = "airnub"

FindDepartment = Callable[[str], Department]


@dataclass(frozen=True, slots=True)
class SecretUse:
    """A place in settings that names a secret."""

    reference: str
    """`secret/usgs-token`."""
    where: str
    """The file."""
    line: int | None


@dataclass(frozen=True, slots=True)
class Variable:
    """The desired state of a Variable."""

    name: str
    value: Any
    tags: tuple[str, ...]
    secrets: tuple[SecretUse, ...] = ()


class CheckedVariables:
    """Variables of departments that passed, cached by the department's fingerprint and the content of its files."""

    def __init__(self, workspace: Workspace, cache: Cache, prints: Fingerprints) -> None:
        """Create a view of the cache; nothing is read yet."""
        self._members = {member.module: member for member in workspace.members.values()}
        self._cache = cache
        self._prints = prints
        self._digests: dict[str, str | None] = {}

    def digest(self, department: str, files: Iterable[Path]) -> str | None:
        """The key in the cache; `None` for a folder that is not a member, or without a fingerprint."""
        if department not in self._digests:
            member = self._members.get(department)
            content = [text for path in files for text in (shown(path), sha256(path.read_bytes()).hexdigest())]
            self._digests[department] = None if member is None else self._prints.of(member, *content)
        return self._digests[department]

    def get(self, digest: str | None) -> list[Variable] | None:
        """The cached Variables of a department, or `None`."""
        rows = self._cache.get(_KIND, digest)
        if not isinstance(rows, list):
            return None
        return [
            Variable(name, value, tuple(tags), tuple(SecretUse(*use) for use in uses))
            for name, value, tags, uses in rows
        ]

    def put(self, digest: str | None, variables: Iterable[Variable]) -> None:
        """Cache the Variables of a department without mistakes."""
        rows = [
            [one.name, one.value, list(one.tags), [[use.reference, use.where, use.line] for use in one.secrets]]
            for one in variables
        ]
        self._cache.put(_KIND, digest, rows)


_KIND = "variables"


def installed_department(name: str) -> Department:
    """Import a department by the name of its package.

    Raises:
        ImportError: it is not installed here.
    """
    department: Department = import_module(f"{name}.department").DEPARTMENT
    return department


def read_variables(
    root: Path,
    environment: Environment,
    mistakes: Diagnostics,
    find_department: FindDepartment = installed_department,
    known: CheckedVariables | None = None,
) -> list[Variable]:
    """Read the Variables of all departments; mistakes are collected.

    Args:
        root: root of the repository.
        environment: the environment that overrides values.
        mistakes: collects the mistakes.
        find_department: returns a department by the name of its package.
        known: cached Variables of departments that passed before; those that the environment overrides are checked
            each time.
    """
    found: list[Variable] = []
    folder = root / FOLDER
    departments = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    for path in yaml_files(folder, mistakes):
        message = (
            f"expected settings of a stage in {FOLDER.as_posix()}/<department>/<stage>.yaml, found a file "
            "outside of a department; move it"
        )
        mistakes.found.append(Diagnostic(shown(path), None, message))
    mistakes.found += environment.check_names("variables", [one.name for one in departments])
    for one in departments:
        files = list(yaml_files(one, mistakes))
        mistakes.found += environment.check_names("variables", [path.stem for path in files], (one.name,))
        digest = known.digest(one.name, files) if known and environment.changes("variables", one.name) is None else None
        if known and (passed := known.get(digest)) is not None:
            found += passed
            continue
        before = len(mistakes.found)
        try:
            department = find_department(one.name)
        except ImportError as error:
            message = f"expected the department {one.name} to be installed, found: {error}; {INSTALL_ALL}"
            mistakes.found.append(import_mistake(error, Diagnostic(shown(one), None, message)))
            continue
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever the module does when it is imported
            message = f"expected {one.name}.department with DEPARTMENT, found {type(error).__name__}: {error}"
            mistakes.found.append(import_mistake(error, Diagnostic(shown(one), None, message)))
            continue
        variables = list(_of_department(department, files, environment, mistakes))
        found += variables
        if known and len(mistakes.found) == before:
            known.put(digest, variables)
    return found


def _of_department(
    department: Department, files: Iterable[Path], environment: Environment, mistakes: Diagnostics
) -> Iterable[Variable]:
    stages = {stage.name: stage for stage in department.stages}
    for path in files:
        if path.stem not in stages:
            advice = nearest(path.stem, list(stages)) or f"its stages are {', '.join(stages)}"
            message = f"{department.name} has no stage {path.stem!r} that would read this file; {advice}"
            mistakes.found.append(Diagnostic(shown(path), None, message))
            continue
        file = mistakes.file(path)
        if file is None:
            continue
        file = environment.over(file, "variables", department.name, path.stem)
        try:
            settings = stages[path.stem].load_settings()
        except (Exception, SystemExit) as error:  # noqa: BLE001  # as above
            message = (
                f"expected the model of the settings, {stages[path.stem].settings}, found "
                f"{type(error).__name__}: {error}"
            )
            mistakes.found.append(import_mistake(error, file.mistake((), message)))
            continue
        says, wrong = checked(settings, file)
        mistakes.found += wrong
        if says is None:
            continue
        try:
            size = len(json.dumps(file.value, separators=(",", ":"), ensure_ascii=False).encode())
        except TypeError as error:
            mistakes.add(file, (), f"expected values of JSON types, found: {error}; put dates in quotes")
            continue
        if size > LARGEST:
            message = f"expected at most {LARGEST:,} bytes of JSON, the maximum of a Prefect Variable, found {size:,}"
            mistakes.add(file, (), f"{message}; long lists of URLs belong in a file of the package (urls_file)")
            continue
        tags = (TAG, f"department:{department.name}", f"stage:{path.stem}")
        named = says.secrets() if isinstance(says, StoreSettings) else []
        lines = [(one, file.mistake(place, "")) for one in dict.fromkeys(named) for place in _places(file.value, one)]
        secrets = [SecretUse(one, at.where, at.line) for one, at in lines]
        yield Variable(settings.variable(), file.value, tags, tuple(secrets))


def _places(value: Any, wanted: str, place: Place = ()) -> Iterator[Place]:
    """Yield the places of a text in a value."""
    if value == wanted:
        yield place
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _places(entry, wanted, (*place, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _places(entry, wanted, (*place, index))


def compare_variables(server: PrefectServer, wanted: Iterable[Variable]) -> list[Change]:
    """Compare Variables with those of the server."""
    live = {one["name"]: one for one in server.all("/variables/filter")}
    return [_compared(server, one, live.get(one.name)) for one in wanted]


def _compared(server: PrefectServer, wanted: Variable, live: Json | None) -> Change:
    body = {"name": wanted.name, "value": wanted.value, "tags": list(wanted.tags)}
    if live is None:
        return Change("variable", wanted.name, Action.CREATED, lambda: _done(server.post("/variables/", body)))
    # Tags of operators are kept; a flow that sets a Variable without tags removes ours.
    tags = list(dict.fromkeys([*wanted.tags, *live["tags"]]))
    different = list(differences(wanted.value, live["value"]))
    if set(wanted.tags) - set(live["tags"]):
        different.append("tags")
    if not different:
        return unchanged("variable", wanted.name)
    changed = {"value": wanted.value, "tags": tags}
    return Change(
        "variable", wanted.name, Action.UPDATED,
        lambda: server.patch(path_of("variables", "name", wanted.name), changed), tuple(different),
    )  # fmt: skip


def _done(_: Json) -> None: ...


def missing_secrets(variables: Iterable[Variable], blocks: Collection[str], given: Collection[str]) -> list[SecretUse]:
    """Find uses of secrets that neither the repository nor this environment has.

    Args:
        variables: the settings.
        blocks: of the repository, such as `secret/usgs-token`.
        given: names of environment variables with a value, including those of `.env`.
    """
    uses = (use for variable in variables for use in variable.secrets)
    return [use for use in uses if use.reference not in blocks and variable_name(use.reference) not in given]


def check_secrets(server: PrefectServer, missing: Iterable[SecretUse], mistakes: Diagnostics) -> None:
    """Add a mistake for each missing secret that the server does not have either."""
    uses = list(missing)
    asked = sorted({use.reference for use in uses})
    lacking = {reference for reference in asked if block_id(server, reference) is None}
    for use in uses:
        if use.reference in lacking:
            message = (
                f"expected the block {use.reference} in {BLOCKS_FOLDER.as_posix()}/ or on the server, found none; "
                f"{advice(use.reference)}"
            )
            mistakes.found.append(Diagnostic(use.where, use.line, message))


def advice(reference: str) -> str:
    """The ways to provide a missing secret."""
    return (
        f"add {BLOCKS_FOLDER.as_posix()}/{reference.partition('/')[2]}.yaml, create the block on the server, or set "
        f"{variable_name(reference)} in the environment or in .env"
    )
