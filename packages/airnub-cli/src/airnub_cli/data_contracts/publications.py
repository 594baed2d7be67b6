"""Publications: every contract of the workspace, and everybody who reads it, as their files say it, with lines."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from airnub_cli.data_contracts import reads
from airnub_cli.data_contracts.reads import Read, Reads
from airnub_cli.workspace import Member, Workspace
from airnub_core.contracts import contract
from airnub_core.contracts.contract import Contract
from airnub_core.contracts.schema import ContractSchema, versioned
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.validation import Model, checked
from airnub_prefect.yaml_file import Place, YamlFile, read_yaml


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
        """What is read: `project_alpha/noaa_daily_weather v1`."""
        return f"{self.says.contract} v{self.says.version}"

    def place(self, *place: str) -> Place:
        """Of one of its values, in the file."""
        return ("reads", self.index, *place)

    def mistake(self, message: str, *place: str) -> Diagnostic:
        """A mistake at one of its values."""
        return self.file.mistake(self.place(*place), message)


@dataclass(frozen=True, slots=True)
class ContractVersion:
    """A contract's file."""

    member: Member
    """Who publishes it."""
    name: str
    number: int
    file: YamlFile
    says: Contract | None
    """`None` where it is wrong, which is told."""
    uses: list[Use] = field(default_factory=list)
    made: ContractSchema | None = None
    """What its code publishes under this name and version; `None` where that is not known."""

    @property
    def stem(self) -> str:
        """What its table is called."""
        return self.name if self.number == 1 else versioned(self.name, self.number)

    @property
    def promises(self) -> Contract | None:
        """What readers may rely on: what the file leaves out is as the code has it."""
        return self.says if self.says is None or self.made is None else self.says.completed(self.made)


@dataclass(frozen=True, slots=True)
class Publications:
    """All of a workspace."""

    root: Path
    versions: dict[tuple[str, str], dict[int, ContractVersion]] = field(default_factory=dict)
    """By the department's folder and the name, then by number."""
    uses: list[Use] = field(default_factory=list)
    mistakes: list[Diagnostic] = field(default_factory=list)
    """In the files themselves."""

    def of(self, department: str, name: str) -> dict[int, ContractVersion]:
        """All versions of one contract."""
        return self.versions.get((department, name), {})

    def at(self, file: YamlFile, place: Place) -> str:
        """`file:line`, below the root, as a person can go there."""
        path = Path(file.path).relative_to(self.root).as_posix()
        line = file.line(place)
        return f"{path}:{line}" if line else path


def contract_path(department: str, name: str, version: int) -> str:
    """Where a version is written, below the root."""
    return f"departments/{department}/{contract.FOLDER}/{versioned(name, version)}.yaml"


def read_publications(workspace: Workspace) -> Publications:
    """Everything that departments publish and read; what is wrong in the files is among the mistakes."""
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
            message = f"expected contracts alone in this folder, named like measurements.v1.yaml; found {path.name}"
            mistakes.append(Diagnostic(str(path), None, message))
            continue
        file, says = _read(Contract, path, mistakes)
        yield ContractVersion(member, match["name"], int(match["version"]), file, says)


def _uses(member: Member, mistakes: list[Diagnostic]) -> Iterator[Use]:
    path = member.folder / reads.FILE
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
