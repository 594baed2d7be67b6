"""Stale datasets of a department, determined at the end of an ingestion."""

import asyncio
import os
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from prefect import get_run_logger

from airnub_core import IngestError, StoreLocation
from airnub_core.errors import NoObjectsError
from airnub_prefect.blocks import locate
from airnub_prefect.datasets import locate_datasets, locate_published
from airnub_prefect.department import Department
from airnub_prefect.embedded.server import EMBEDDED
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.settings import DatasetSettings, SourceSettings
from airnub_prefect.settings_resolution import resolve

if TYPE_CHECKING:
    from airnub_data import Location


async def stale_datasets(settings: SourceSettings) -> dict[str, str] | None:
    """The datasets that the next processing would make, with the reason, by name.

    The settings of the processing are the Variable or the YAML file. On the embedded server nothing is determined: no
    automation waits for the event there, and importing polars would take longer than a short run.

    Args:
        settings: settings of the ingestion.

    Returns:
        `None` if it is not known: on the embedded server, without settings of a processing, or if its store differs.
    """
    if os.environ.get(EMBEDDED):
        return None
    kinds = _dataset_settings(settings.package())
    if not kinds:
        return {}
    place = await locate(settings)
    stale: dict[str, str] = {}
    for kind in kinds:
        try:
            processing = await resolve(kind, None)
            if await locate(processing) != place:
                return None
            names = [one for dataset in processing.declared().values() for one in dataset.published_inputs]
            published = await locate_published(one.department for one in names)
            location = await locate_datasets(processing)
            stale |= await asyncio.to_thread(_stale, processing, place, location, published)
        except ConfigurationError as error:
            get_run_logger().info("Stale datasets cannot be determined: %s", error)
            return None
        except Exception as error:  # noqa: BLE001  # the event is sent whatever a department's datasets raise
            get_run_logger().warning("Stale datasets cannot be determined: %r", error)
            return None
    return stale


def _dataset_settings(package: str) -> list[type[DatasetSettings]]:
    """The settings models of the stages that make datasets."""
    if find_spec("airnub_data") is None:
        return []  # airnub_data comes with an extra
    try:
        department: Department = import_module(f"{package}.department").DEPARTMENT
    except ModuleNotFoundError:
        return []  # the flows are a script without a package
    kinds = [stage.load_settings() for stage in department.stages]
    return [kind for kind in kinds if issubclass(kind, DatasetSettings)]


def _stale(
    settings: DatasetSettings, place: StoreLocation, location: object, published: "Mapping[str, Location]"
) -> dict[str, str]:
    from airnub_data import Location, by_name
    from airnub_data.pending import Pending, pending

    assert isinstance(location, Location), "as `locate_datasets` gives it"
    stale: dict[str, str] = {}
    for name, dataset in by_name(*settings.declared().values()).items():
        if inputs := [one.stem for one in dataset.own_inputs if one.stem in stale]:
            stale[name] = f"its inputs are stale: {', '.join(inputs)}"
            continue
        try:
            found = pending(dataset, place, location, published)
        except NoObjectsError:
            continue  # there is nothing to make it from
        except IngestError as error:
            stale[name] = str(error)
        else:
            without_objects = isinstance(found, Pending) and found.is_new and not found.objects
            if not (found.nothing or found.held or without_objects):
                stale[name] = str(found)
    return stale
