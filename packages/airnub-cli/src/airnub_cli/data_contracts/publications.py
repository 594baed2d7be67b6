"""Publications: every contract of the workspace, what its code publishes, and the readers of each field."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt, field_validator

from airnub_cli.import_errors import import_mistake
from airnub_cli.workspace import Member, Workspace
from airnub_core.contracts import contract
from airnub_core.contracts.contract import Contract, ContractSchema, WithFields, versioned
from airnub_core.contracts.limits import DatasetLimits
from airnub_core.strict_model import StrictModel
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.validation import Model, checked
from airnub_prefect.yaml_file import Place, YamlFile, read_yaml

FILE = "reads.yaml"


class Read(WithFields):
    """The part of one contract version that a reader uses: a subset of its fields."""

    contract: Annotated[str, Field(pattern=r"^[^/]+/[^/]+$")]
    """`department/name`."""
    version: PositiveInt

    @property
    def department(self) -> str:
        """The publishing department's folder."""
        return self.contract.partition("/")[0]

    @property
    def name(self) -> str:
        """The contract's name in that department."""
        return self.contract.partition("/")[2]


class Reads(StrictModel):
    """The `reads.yaml` of a department."""

    reads: list[Read]

    @field_validator("reads")
    @classmethod
    def _are_different(cls, reads: list[Read]) -> list[Read]:
        names = [versioned(one.contract, one.version) for one in reads]
        if twice := sorted({one for one in names if names.count(one) > 1}):
            raise ValueError(f"expected each version once, found {', '.join(twice)} more than once")
        return reads


@dataclass(frozen=True, slots=True)
class ReadsFile:
    """One use of a contract by a reader."""

    department: str
    """Its folder."""
    contract: str
    """The contract that is read, as `department/name`."""
    version: object
    path: Path
    line: int | None


def readers(root: Path, department: str) -> Iterator[ReadsFile]:
    """Find all readers of a department, including those whose `reads.yaml` has mistakes elsewhere.

    Args:
        root: of the workspace.
        department: the folder of the publishing department.
    """
    for path in sorted(root.glob(f"departments/*/{FILE}")):
        # Parsing YAML is slow, and most files do not mention this department.
        if f"{department}/" not in path.read_text(encoding="utf-8", errors="replace"):
            continue
        try:
            file = read_yaml(path)
        except ConfigurationError:
            continue
        entries = file.value.get("reads") if isinstance(file.value, dict) else None
        for index, one in enumerate(entries if isinstance(entries, list) else []):
            contract = one.get("contract") if isinstance(one, dict) else None
            if isinstance(contract, str) and contract.startswith(f"{department}/"):
                line = file.line(("reads", index, "contract"))
                yield ReadsFile(path.parent.name, contract, one.get("version"), path, line)


@dataclass(frozen=True, slots=True)
class Use:
    """One entry of a department's `reads.yaml`."""

    reader: str
    """The department's folder."""
    says: Read
    file: YamlFile
    index: int

    @property
    def what(self) -> str:
        """The contract version that is read: `project_alpha/noaa_daily_weather v1`."""
        return f"{self.says.contract} v{self.says.version}"

    def place(self, *place: str) -> Place:
        """The place of one of its values in the file."""
        return ("reads", self.index, *place)

    def mistake(self, message: str, *place: str) -> Diagnostic:
        """A diagnostic at one of its values."""
        return self.file.mistake(self.place(*place), message)


@dataclass(frozen=True, slots=True)
class ContractVersion:
    """A contract's file."""

    member: Member
    """The member that publishes it."""
    name: str
    number: int
    file: YamlFile
    says: Contract | None
    """`None` if the file has mistakes, which are reported."""
    uses: list[Use] = field(default_factory=list)
    made: ContractSchema | None = None
    """The schema that its code publishes under this name and version; `None` if unknown."""

    @property
    def stem(self) -> str:
        """The name of its table."""
        return self.name if self.number == 1 else versioned(self.name, self.number)

    @property
    def promises(self) -> Contract | None:
        """The guarantees for readers; values that the file omits are taken from the code."""
        return self.says if self.says is None or self.made is None else self.says.completed(self.made)


@dataclass(frozen=True, slots=True)
class Publications:
    """All contracts and reads of a workspace."""

    root: Path
    versions: dict[tuple[str, str], dict[int, ContractVersion]] = field(default_factory=dict)
    """By the department's folder and the name, then by number."""
    uses: list[Use] = field(default_factory=list)
    mistakes: list[Diagnostic] = field(default_factory=list)
    """Mistakes in the files themselves."""

    def of(self, department: str, name: str) -> dict[int, ContractVersion]:
        """All versions of one contract."""
        return self.versions.get((department, name), {})

    def at(self, file: YamlFile, place: Place) -> str:
        """`file:line` of a place, relative to the root."""
        path = Path(file.path).relative_to(self.root).as_posix()
        line = file.line(place)
        return f"{path}:{line}" if line else path


def contract_path(department: str, name: str, version: int) -> str:
    """The path of a version's file, relative to the root."""
    return f"departments/{department}/{contract.FOLDER}/{versioned(name, version)}.yaml"


def read_publications(workspace: Workspace) -> Publications:
    """Read everything that departments publish and read; invalid files are among the mistakes."""
    found = Publications(workspace.root)
    departments = [one for one in workspace.members.values() if one.kind == "department"]
    for member in departments:
        for version in _versions(member, found.mistakes):
            found.versions.setdefault((member.folder.name, version.name), {})[version.number] = version
    for member in departments:
        for use in _uses(member, found.mistakes):
            found.uses.append(use)
            if (read := found.of(use.says.department, use.says.name).get(use.says.version)) is not None:
                read.uses.append(use)
    return found


def _versions(member: Member, mistakes: list[Diagnostic]) -> Iterator[ContractVersion]:
    for path in sorted((member.folder / contract.FOLDER).glob("[!.]*")):
        if (match := contract.FILE.fullmatch(path.name)) is None:
            message = (
                f"expected only contracts in this folder, named like measurements.v1.yaml, found {path.name}; move it"
            )
            mistakes.append(Diagnostic(str(path), None, message))
            continue
        file, says = _read(Contract, path, mistakes)
        yield ContractVersion(member, match["name"], int(match["version"]), file, says)


def _uses(member: Member, mistakes: list[Diagnostic]) -> Iterator[Use]:
    path = member.folder / FILE
    if path.is_file():
        file, says = _read(Reads, path, mistakes)
        for index, one in enumerate(says.reads if says else ()):
            yield Use(member.folder.name, one, file, index)


def _read(kind: type[Model], path: Path, mistakes: list[Diagnostic]) -> tuple[YamlFile, Model | None]:
    try:
        file = read_yaml(path)
    except ConfigurationError as error:
        mistakes += error.mistakes
        return YamlFile(str(path)), None
    says, wrong = checked(kind, file)
    mistakes += [*file.mistakes, *wrong]
    return file, says


def with_code(
    publications: Publications, broken: Container[str] = ()
) -> tuple[Publications, dict[str, str | Diagnostic]]:
    """Add the schema that the code of each publication makes, and report code that does not match its contract.

    Args:
        publications: as read from their files.
        broken: packages whose sources cannot be read, and which are not imported.

    Returns:
        The publications, and messages by the paths of the contracts; a `Diagnostic` for a failed import, at its
        statement.
    """
    wrong: dict[str, str | Diagnostic] = {}
    versions: dict[tuple[str, str], dict[int, ContractVersion]] = {}
    for name, numbered in publications.versions.items():
        for number, version in numbered.items():
            made = None
            if version.says is not None and version.member.module not in broken:
                found = published_by_code(version, version.says.code)
                if isinstance(found, str | Diagnostic):
                    wrong[version.file.path] = found
                elif (mismatch := _mismatch(version, version.says.code, found)) is not None:
                    wrong[version.file.path] = mismatch
                else:
                    made = found
            versions.setdefault(name, {})[number] = replace(version, made=made)
    return replace(publications, versions=versions), wrong


def published_by_code(
    version: ContractVersion, code: str, limits: DatasetLimits | None = None
) -> ContractSchema | str | Diagnostic:
    """Import the publication that a contract names, or describe why that failed.

    Args:
        version: whose contract names the code.
        code: `module:name`.
        limits: settings that override limits of a dataset's declaration.
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
    except (Exception, SystemExit) as error:  # noqa: BLE001  # any error of a department's code
        message = f"expected the publication at {code}, found: {type(error).__name__}: {error}"
        otherwise = Diagnostic(version.file.path, None, message)
        found_at = import_mistake(error, otherwise)
        return message if found_at is otherwise else found_at
    if isinstance(made, ContractSchema):
        return made
    if isinstance(value, dict):
        found = ", ".join(map(str, value)) or "nothing"
        return f"expected {version.stem} in {code}, found {found}; add it, or correct the contract"
    return f"expected a Dataset or an EventType at {code}, found {type(value).__name__}"


def _mismatch(version: ContractVersion, code: str, made: ContractSchema) -> str | None:
    assert version.says is not None, "only then there is code"
    expected = f"{version.says.kind} {version.name} v{version.number}"
    found = f"{made.kind} {made.name} v{made.version}"
    return None if expected == found else f"expected the {expected} at {code}, found the {found}"
