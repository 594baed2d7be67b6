"""Locations of a department's content store and datasets: a folder of the command line, else from settings.

Prefect is used only if the settings name a block.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airnub_core import StoreLocation
from airnub_prefect.department import Department
from airnub_prefect.errors import ArgumentError, ConfigurationError
from airnub_prefect.paths import data_path, shown
from airnub_prefect.session import prefect_session
from airnub_prefect.setting_values import IndexBlock
from airnub_prefect.settings import DatasetSettings, SourceSettings, StageSettings, StoreSettings
from airnub_prefect.validation import load_yaml, nearest_or_all

if TYPE_CHECKING:
    from airnub_data import Dataset, Location

EXTRA = "airnub-prefect[datasets]"
"""Dependency of a department that makes datasets."""


@dataclass(frozen=True)
class Datasets:
    """The datasets of a department, and their location."""

    declared: "Mapping[str, Dataset]"
    location: "Location"
    store: StoreLocation | None
    """`None` if the location of the store is unknown."""

    def one(self, name: str) -> "Dataset":
        """The declaration of a dataset.

        Raises:
            ArgumentError: the department declares no such dataset.
        """
        if name not in self.declared:
            reason = f"expected a dataset of the department, found {name!r}; {nearest_or_all(name, self.declared)}"
            raise ArgumentError.of("NAME", reason)
        return self.declared[name]


def find_store(department: Department, store: Path | None, config: Path | None, *, with_index: bool) -> StoreLocation:
    """The location of a store: a folder, else from a YAML file, else from the ingestion's own YAML file.

    Args:
        department: department of the ingestion.
        store: folder of the store, with its index.
        config: YAML file with settings of the ingestion.
        with_index: whether the index is needed; otherwise its secret is not read.

    Raises:
        ConfigurationError: the location is unknown, or there is no store.
        ServerUnreachableError: the location is in a block, and the Prefect server does not answer.
    """
    place = (
        StoreLocation(store)
        if store is not None
        else store_location(_ingestion(department, config), with_index=with_index)
    )
    return existing_store(place)


def existing_store(place: StoreLocation) -> StoreLocation:
    """Check that the folder of a store exists.

    Raises:
        ConfigurationError: it does not exist.
    """
    if isinstance(place.objects, Path) and not place.objects.is_dir():
        raise ConfigurationError.of(
            shown(place.objects), "expected a content store, found no such folder; an ingestion creates it"
        )
    return place


def store_location(settings: StoreSettings, *, with_index: bool) -> StoreLocation:
    """The location of the store of settings; the Prefect server is used only if the location is in a block.

    Raises:
        ConfigurationError: a block is missing or has an unsupported form.
        ServerUnreachableError: the Prefect server does not answer.
    """
    if not with_index:
        settings = settings.model_copy(update={"index": None})
    if isinstance(settings.store, str) and not isinstance(settings.index, IndexBlock):
        return StoreLocation(data_path(settings.store), settings.index)
    with prefect_session() as session:
        from airnub_prefect.blocks import locate

        session.wait_until_ready()
        return asyncio.run(locate(settings))


def find_datasets(department: Department, folder: Path | None, store: Path | None, config: Path | None) -> Datasets:
    """The datasets in a folder, else at the location in a YAML file, else in the processing's own YAML file.

    Args:
        department: the department.
        folder: folder of the datasets.
        store: folder of the content store that they are made from.
        config: YAML file with settings of the processing.

    Raises:
        ArgumentError: the folder does not exist.
        ConfigurationError: the location of the datasets is unknown, or the department has no datasets.
        ServerUnreachableError: the location is in a block, and the Prefect server does not answer.
    """
    kind = _processing(department)
    declared = _declarations(kind, department)
    path = config or kind.yaml_path()
    if folder is not None and config is None:
        if not folder.is_dir():
            raise ArgumentError.of("--datasets", f"expected a folder of datasets, found none at {shown(folder)}")
        from airnub_data import Location

        place = None if store is None else StoreLocation(store)
        return Datasets(declared, Location(folder), place)
    if path is None:
        raise ConfigurationError.of(
            kind.yaml_name(), "there is no such file in a checkout; name the folder with --datasets FOLDER"
        )
    settings = load_yaml(kind, path)
    place = StoreLocation(store) if store is not None else store_location(settings, with_index=True)
    return Datasets(settings.declared(), _datasets_location(settings), place)


def _ingestion(department: Department, config: Path | None) -> SourceSettings:
    for stage in department.stages:
        kind: type[StageSettings] = stage.load_settings()
        if issubclass(kind, SourceSettings):
            path = config or kind.yaml_path()
            if path is None:
                raise ConfigurationError.of(
                    kind.yaml_name(), "there is no such file in a checkout; name the folder with --store FOLDER"
                )
            return load_yaml(kind, path)
    raise ConfigurationError.of(
        department.name, "expected a stage that ingests, found none; name the folder with --store FOLDER"
    )


def _processing(department: Department) -> type[DatasetSettings]:
    for stage in department.stages:
        kind: type[StageSettings] = stage.load_settings()
        if issubclass(kind, DatasetSettings):
            return kind
    raise ConfigurationError.of(
        department.name, "expected a stage whose settings are DatasetSettings, found none: it has no datasets"
    )


def _declarations(kind: type[DatasetSettings], department: Department) -> "Mapping[str, Dataset]":
    try:
        return kind.declarations()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"airnub_data", "polars", "deltalake"}:
            raise
        reason = f"datasets need the dependency {EXTRA}, found no module {error.name}; add it, and run `uv sync`"
        raise ConfigurationError.of(department.name, reason) from error


def _datasets_location(settings: DatasetSettings) -> "Location":
    from airnub_data import Location

    if isinstance(settings.datasets, str):
        return Location(data_path(settings.datasets))
    with prefect_session() as session:
        from airnub_prefect.datasets import locate_datasets

        session.wait_until_ready()
        return asyncio.run(locate_datasets(settings))


def shown_store(place: StoreLocation, path: str = "") -> str:
    """The path or URL of a store, or of a file in it, for messages."""
    if isinstance(place.objects, Path):
        return shown(place.objects / path)
    return f"{place.name}/{path}".rstrip("/")
