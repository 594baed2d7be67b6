"""Typed settings of stages, one model per stage of a department, importable without Prefect."""

import sys
import warnings
from collections.abc import Collection, Iterator, Mapping
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from pydantic import (
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from airnub_common import redact_text
from airnub_core import ApiSource, FileSource, NetworkSettings
from airnub_core.contracts.limits import DatasetLimits, Tolerance
from airnub_core.sources.base import Source
from airnub_core.strict_model import StrictModel
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.moved import MOVED
from airnub_prefect.paths import checkout, variable_of, yaml_name_of
from airnub_prefect.selection import check_names
from airnub_prefect.setting_values import Folder, IndexBlock, PostgresqlUrl, StoreBlock
from airnub_prefect.validation import nearest_or_all

if TYPE_CHECKING:
    from airnub_data import Dataset  # an extra: most departments' settings need no polars

SourceT = TypeVar("SourceT", bound=Source)


class StageSettings(StrictModel):
    """Settings of a stage. A subclass names department and stage:

    class IngestionSettings(StageSettings, department="project_alpha", stage="ingestion"): ...
    """

    department: ClassVar[str]
    stage: ClassVar[str]

    def __init_subclass__(cls, *, department: str | None = None, stage: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if department is not None:
            cls.department = department
        if stage is not None:
            cls.stage = stage

    @classmethod
    def variable(cls) -> str:
        """The name of the Prefect Variable with the settings."""
        return variable_of(cls.department, cls.stage)

    @classmethod
    def yaml_name(cls) -> str:
        """The YAML file that the Variable is made from, relative to the repository."""
        return yaml_name_of(cls.department, cls.stage)

    @classmethod
    def yaml_path(cls) -> Path | None:
        """The YAML file in this checkout, `None` if there is no checkout or no such file."""
        root = checkout()
        return root / cls.yaml_name() if root and (root / cls.yaml_name()).is_file() else None

    @classmethod
    def package(cls) -> str:
        """The import name of the department's package."""
        return cls.__module__.partition(".")[0]


class StoreConfig(StrictModel):
    """Configuration of a store and its index; `blocks.locate` returns its `StoreLocation`."""

    store: Folder | StoreBlock
    """A folder, absolute or below the data root; or a block of object storage: `{block: s3-bucket/NAME}`."""
    index: PostgresqlUrl | IndexBlock | None = None
    """Location of the index: `null` for SQLite beside the store; or PostgreSQL, for workers on several machines.

    A URL with a password belongs in a block: `{block: secret/NAME}`.
    """


class StoreSettings(StageSettings, StoreConfig):
    """Settings of a stage that uses a store."""

    def secrets(self) -> list[str]:
        """References of all required secrets, such as `secret/index-url`."""
        return [self.index.block] if isinstance(self.index, IndexBlock) else []


class CategoryConfig(StoreConfig, Generic[SourceT]):
    """Configuration of one category of an ingestion: plain values, since Prefect records every parameter."""

    network: NetworkSettings
    sources: list[SourceT]
    package: str
    """Import name of the department's package, which contains the files of `urls_file`."""
    failed: bool = False
    """Whether to request only the items that failed in the last run of each source."""


class SourceSettings(StoreSettings):
    """Settings of an ingestion; a department adds a list of sources for each category."""

    network: NetworkSettings = NetworkSettings()
    tolerated_failures: Tolerance = 0
    """Tolerated failures, a number or a share such as `5%`, of all sources without a tolerance of their own."""
    _failed: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def _check_sources(self) -> "SourceSettings":
        mistakes: list[InitErrorDetails] = []
        places: dict[str, str] = {}
        for category, position, source in self._sources():
            place = f"{category}.{position}.name"
            # On a file system that ignores case, the folders would be the same.
            first = places.setdefault(source.name.casefold(), place)
            if first != place:
                message = f"expected a unique source name, not that of {first}"
                mistakes.append(_mistake(message, (category, position, "name"), source.name))
            if isinstance(source, FileSource):
                try:
                    source.with_urls_from(package_folder(self.package()))
                except ValueError as error:
                    mistakes.append(_mistake(str(error), (category, position, "urls_file"), {}))
        if mistakes:
            raise ValidationError.from_exception_data(type(self).__name__, mistakes)
        return self

    def secrets(self) -> list[str]:
        """References of all required secrets, such as `secret/usgs-token`."""
        sources = (source for _, _, source in self._sources())
        of_sources = [source.auth.block for source in sources if isinstance(source, ApiSource) and source.auth]
        return super().secrets() + of_sources

    def category(self, sources: list[SourceT]) -> CategoryConfig[SourceT]:
        """The configuration of the category that has these sources."""
        return CategoryConfig(
            store=self.store,
            index=self.index,
            network=self.network,
            sources=sources,
            package=self.package(),
            failed=self._failed,
        )

    def part(self, sources: list[SourceT]) -> CategoryConfig[SourceT]:
        """`category` under its former name, for one version."""
        warnings.warn("SourceSettings.part is called SourceSettings.category now", DeprecationWarning, stacklevel=2)
        return self.category(sources)

    def only(self, sources: Collection[str] | None = None, *, failed: bool = False) -> Self:
        """The settings with a selection of sources, for one run.

        Args:
            sources: names of the sources to run; all if empty.
            failed: request only the items of these sources that failed in the last run.

        Raises:
            ConfigurationError: an unknown source; nothing was run.
        """
        check_names("source", sources or (), self.names())
        selected = {
            category: [one for one in entries if not isinstance(one, Source) or one.name in sources]
            for category in type(self).model_fields
            if sources and isinstance(entries := getattr(self, category), list)
        }
        copy = self.model_copy(update=selected)
        copy._failed = failed
        return copy

    def names(self) -> list[str]:
        """The names of all sources, in their order."""
        return [source.name for _, _, source in self._sources()]

    def tolerances(self) -> dict[str, int | str]:
        """The tolerances of sources with a tolerance of their own, by name."""
        return {
            source.name: source.tolerated_failures
            for _, _, source in self._sources()
            if source.tolerated_failures is not None
        }

    def _sources(self) -> Iterator[tuple[str, int, Source]]:
        """Every source, with its category and its position there."""
        for category in type(self).model_fields:
            value = getattr(self, category)
            for position, entry in enumerate(value if isinstance(value, list) else ()):
                if isinstance(entry, Source):
                    yield category, position, entry


class DatasetsConfig(StrictModel):
    """Configuration of the location of datasets; `datasets.locate_datasets` returns its `Location`."""

    datasets: Folder | StoreBlock
    """A folder, absolute or below the data root; or object storage, by a block: `{block: s3-bucket/NAME}`."""


class DatasetSettings(StoreSettings, DatasetsConfig):
    """Settings of a processing: the store of the ingestion, the location of the datasets, and their limits."""

    dataset_limits: dict[str, DatasetLimits] = {}
    """Limits that replace those of the declaration, by name of the dataset in `DATASETS` of the department."""

    @model_validator(mode="after")
    def _check_names(self) -> "DatasetSettings":
        if not self.dataset_limits:
            return self  # `datasets` imports polars, which is not needed otherwise
        names = self.declarations()
        mistakes = [
            _mistake(f"unknown dataset {name!r}; {nearest_or_all(name, names)}", ("dataset_limits", name), limits)
            for name, limits in self.dataset_limits.items()
            if name not in names
        ]
        for name, limits in self.dataset_limits.items():
            if name in names and (limits.checks or limits.fresh_within is not None):
                mistakes += _check_mistakes(name, names[name], limits)
        if mistakes:
            raise ValidationError.from_exception_data(type(self).__name__, mistakes)
        return self

    def declared(self) -> "dict[str, Dataset]":
        """The datasets of the department, with the limits of the settings, by the names of their tables.

        Raises:
            ConfigurationError: a dataset has an input of this department by its published name.
        """
        declarations = self.declarations()
        for dataset in declarations.values():
            for name in dataset.input_names:
                if name.startswith(f"{self.department}/"):
                    reason = f"{dataset.stem}: expected inputs of this department as their declarations, found {name!r}"
                    raise ConfigurationError.of(f"{self.package()}.datasets", reason)
        return {
            name: dataset.with_limits(limits) if (limits := self.dataset_limits.get(name)) else dataset
            for name, dataset in declarations.items()
        }

    @classmethod
    def declarations(cls) -> "Mapping[str, Dataset]":
        """The declared datasets of the department, by the names of their tables."""
        declared: Mapping[str, Dataset] = import_module(f"{cls.package()}.datasets").DATASETS
        return declared


def _check_mistakes(name: str, dataset: "Dataset", limits: DatasetLimits) -> Iterator[InitErrorDetails]:
    """An error for each check in the settings that the dataset does not declare."""
    from airnub_data.checks import Fresh

    place, known = ("dataset_limits", name), [check.name for check in dataset.checks]
    if limits.fresh_within is not None and not any(isinstance(check, Fresh) for check in dataset.checks):
        message = f"expected a check `fresh` in the declaration of {name}, found none; declare it first"
        yield _mistake(message, (*place, "fresh_within"), limits)
    for check in limits.checks or ():
        if check not in known:
            valid = nearest_or_all(check, known) if known else f"{name} declares none"
            yield _mistake(f"unknown check {check!r}; {valid}", (*place, "checks", check), limits)


def package_folder(package: str) -> Path:
    """The folder of an installed package."""
    module = sys.modules.get(package)
    if module is not None and module.__file__ is not None:
        return Path(module.__file__).parent
    return Path(str(resources.files(package)))


def _mistake(message: str, place: tuple[str | int, ...], found: object) -> InitErrorDetails:
    """An error at a place of the settings, in the form of Pydantic's own errors."""
    kind = PydanticCustomError("value_error", "{said}", {"said": redact_text(message)})
    return InitErrorDetails(type=kind, loc=place, input=found)


def __getattr__(name: str) -> Any:
    return MOVED.renamed(__name__, name)
