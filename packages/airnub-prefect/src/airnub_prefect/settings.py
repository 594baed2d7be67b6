"""Stage settings: typed models, one for each stage of a department. Importing this imports no Prefect."""

import sys
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from airnub_core import FileSource, NetworkSettings, unique_names
from airnub_core.sources.settings import Source
from airnub_prefect.places import checkout, data_path
from airnub_prefect.tolerance import Tolerance

SourceT = TypeVar("SourceT", bound=Source)


class StageSettings(BaseModel):
    """What every stage is told. A subclass says whose it is:

    class IngestionSettings(StageSettings, department="project_alpha", stage="ingestion"): ...
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

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
        """The name of the Prefect Variable that holds them."""
        return f"dept_{cls.department}_{cls.stage}_config"

    @classmethod
    def yaml_name(cls) -> str:
        """The file that the Variable is made from, relative to the repository."""
        return f"configs/variables/{cls.department}/{cls.stage}.yaml"

    @classmethod
    def yaml_path(cls) -> Path | None:
        """The file in this checkout, `None` where there is no checkout or no such file."""
        root = checkout()
        return root / cls.yaml_name() if root and (root / cls.yaml_name()).is_file() else None

    @classmethod
    def package(cls) -> str:
        """The import name of the package that they belong to."""
        return cls.__module__.partition(".")[0]


class SourcesPart(BaseModel, Generic[SourceT]):
    """What one category of an ingestion is told: plain values, since Prefect records every parameter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: str
    network: NetworkSettings
    sources: list[SourceT]
    package: str
    """The department's; files that settings name lie in it."""

    def store_path(self) -> Path:
        """The folder of the store.

        Raises:
            ConfigurationError: it is relative and there is no data root.
        """
        return data_path(self.store)


class SourceSettings(StageSettings):
    """What every ingestion is told, whatever its categories; a department adds a list of sources for each."""

    store: str
    """A folder, absolute or below the data root."""
    index: None = None
    """Where the index is kept; `null` is SQLite beside the store, and all there is so far."""
    network: NetworkSettings = NetworkSettings()
    tolerated_failures: Tolerance = 0

    @field_validator("store")
    @classmethod
    def _store_is_named(cls, store: str) -> str:
        if not store.strip():
            raise ValueError("expected a folder")
        return store

    @model_validator(mode="after")
    def _check_sources(self) -> "SourceSettings":
        sources = [entry for name in type(self).model_fields for entry in _sources(getattr(self, name))]
        unique_names(sources)
        for source in sources:
            if isinstance(source, FileSource):
                source.with_urls_from(package_folder(self.package()))
        return self

    def part(self, sources: list[SourceT]) -> SourcesPart[SourceT]:
        """What the category of these sources is told."""
        return SourcesPart(store=self.store, network=self.network, sources=sources, package=self.package())


def package_folder(package: str) -> Path:
    """The folder of an installed package."""
    module = sys.modules.get(package)
    if module is not None and module.__file__ is not None:
        return Path(module.__file__).parent
    return Path(str(resources.files(package)))


def _sources(value: object) -> list[Source]:
    return [entry for entry in value if isinstance(entry, Source)] if isinstance(value, list) else []
