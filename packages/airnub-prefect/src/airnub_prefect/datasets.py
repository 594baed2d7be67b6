"""Datasets in Prefect: where they are, and a task for each. Needs the extra `airnub-prefect[datasets]`."""

import asyncio
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE

from airnub_core import Outcome, Report
from airnub_prefect.artifacts import share_progress
from airnub_prefect.blocks import local_folder, locate, read_address
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.places import data_path
from airnub_prefect.progress import BatchProgress
from airnub_prefect.settings import DatasetSettings, DatasetsPart
from airnub_prefect.validation import nearest_or_all

if TYPE_CHECKING:
    # polars and deltalake come with an extra, and take long to import: only what works with rows imports them.
    from airnub_data import Location


async def locate_datasets(part: DatasetsPart) -> "Location":
    """Where datasets are.

    Raises:
        ConfigurationError: a block is missing, or is not of a form that can be used; or there is no data root.
    """
    from airnub_data import Location

    if isinstance(part.datasets, str):
        return Location(data_path(part.datasets))
    address = await read_address(part.datasets)
    return Location(address, local_folder(part.datasets, address))


async def make_datasets(settings: DatasetSettings, accept: Sequence[str] = ()) -> Report:
    """Make every dataset of a department, one after another, each in a task of its own.

    Args:
        settings: of the processing.
        accept: datasets whose next version may be beyond their limits, this once.

    Returns:
        What became of each; one that cannot be made has failed, and stops no other.

    Raises:
        ConfigurationError: `accept` has a name that no dataset has; nothing was made.
    """
    declared = settings.declared()
    for name in accept:
        if name not in declared:
            raise ConfigurationError.of("accept", f"unknown dataset {name!r}; {nearest_or_all(name, declared)}")
    progress = BatchProgress("datasets")
    progress.expect(len(declared))
    outcomes: list[Outcome] = []
    for name in declared:
        outcomes.append(await make_dataset(name, settings, name in accept))
        progress.outcome(outcomes[-1])
    return Report(outcomes)


# A retry would not help: what is wrong is in the objects, in the declaration, or on the disk.
@task(name="dataset", task_run_name="dataset {name}", cache_policy=NO_CACHE)
async def make_dataset(name: str, settings: DatasetSettings, accept: bool = False) -> Outcome:
    """Bring one dataset to what its sources have in the store now."""
    from airnub_data import Run
    from airnub_data.outcome import dataset_outcome

    dataset = settings.declared()[name]
    store, location = await locate(settings), await locate_datasets(settings)
    run = Run(runtime.flow_run.id, runtime.flow_run.flow_name, _code_version(settings))
    async with share_progress(f"{name}: objects read and files written") as progress:
        return await asyncio.to_thread(
            dataset_outcome, dataset, store, location, accept=accept, run=run, on_progress=progress.set
        )


def _code_version(settings: DatasetSettings) -> str | None:
    """The version of the deployment that runs, else that of the department's package; `None` where neither has one."""
    if runtime.deployment.version:
        return str(runtime.deployment.version)
    try:
        return version(settings.package().replace("_", "-"))
    except PackageNotFoundError:
        return None
