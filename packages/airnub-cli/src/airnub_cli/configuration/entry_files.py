"""YAML files that each describe one object of the Prefect server; all mistakes are reported at once."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, Field

from airnub_cli.configuration.environment import Environment
from airnub_core.strict_model import StrictModel
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.paths import shown
from airnub_prefect.validation import checked
from airnub_prefect.yaml_file import Place, YamlFile, read_yaml

EnvironmentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]


class Entry(StrictModel):
    """The fields that files of every kind have."""

    name: str
    environments: Annotated[list[EnvironmentName], Field(min_length=1)] | None = None
    """The environments that have this object; default: all."""

    @property
    def identity(self) -> str:
        """The name, unique among the files."""
        return self.name


ModelT = TypeVar("ModelT", bound=BaseModel)
EntryT = TypeVar("EntryT", bound=Entry)


@dataclass(slots=True)
class Diagnostics:
    """All mistakes in the repository, collected before anything is sent."""

    found: list[Diagnostic] = field(default_factory=list)
    read: dict[Path, YamlFile | ConfigurationError] = field(default_factory=dict)
    """Files that were read before, which several environments share."""

    def add(self, file: YamlFile, place: Place, message: str) -> None:
        """Add a mistake with its place."""
        self.found.append(file.mistake(place, message))

    def file(self, path: Path) -> YamlFile | None:
        """Read a file; `None` if it is not valid YAML."""
        if path not in self.read:
            try:
                self.read[path] = read_yaml(Path(shown(path)))
            except ConfigurationError as error:
                self.read[path] = error
        file = self.read[path]
        self.found += file.mistakes
        return None if isinstance(file, ConfigurationError) else file

    def raise_if_any(self) -> None:
        """Raise an error with all mistakes.

        Raises:
            ConfigurationError: there is at least one.
        """
        if self.found:
            raise ConfigurationError(sorted(dict.fromkeys(self.found), key=lambda one: (one.where, one.line or 0)))


@dataclass(frozen=True, slots=True)
class EntryFile(Generic[ModelT]):
    """A file with its validated content."""

    file: YamlFile
    says: ModelT


def read_entries(
    kind: type[EntryT],
    folder: Path,
    environment: Environment,
    mistakes: Diagnostics,
    apart: Collection[str] = (),
) -> Iterator[EntryFile[EntryT]]:
    """Read the files of a folder that apply to an environment; duplicate names are mistakes.

    Args:
        kind: of the files' content.
        folder: of the files.
        environment: the environment to apply.
        mistakes: collects the mistakes.
        apart: names of files to skip.
    """
    names: dict[str, str] = {}
    for path in yaml_files(folder, mistakes):
        file = None if path.name in apart else mistakes.file(path)
        if file is None:
            continue
        says, wrong = checked(kind, file)
        mistakes.found += wrong
        if says is None:
            continue
        _check_environments(says.environments or (), environment, file, mistakes)
        if says.environments is not None and not environment.is_one_of(says.environments):
            continue
        first = names.setdefault(says.identity, file.path)
        if first != file.path:
            mistakes.add(file, ("name",), f"expected a unique name, found that of {first}; rename one of them")
        yield EntryFile(file, says)


def yaml_files(folder: Path, mistakes: Diagnostics) -> Iterable[Path]:
    """The YAML files directly in a folder; a file with the ending .yml is a mistake."""
    if not folder.is_dir():
        return []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".yml":
            mistakes.found.append(Diagnostic(str(path), None, "expected the ending .yaml, found .yml; rename it"))
    return sorted(folder.glob("*.yaml"))


def _check_environments(names: Iterable[str], environment: Environment, file: YamlFile, mistakes: Diagnostics) -> None:
    for index, name in enumerate(names):
        if name not in environment.all_names:
            known = ", ".join(environment.all_names)
            mistakes.add(file, ("environments", index), f"expected one of the environments {known}, found {name!r}")
