"""Datasets in Prefect: where they are, and a task for each. Needs the extra `airnub-prefect[datasets]`."""

import asyncio
from collections.abc import Collection, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE

from airnub_core import Kind, Outcome, Place, Report, open_store
from airnub_core.outcome import NEW
from airnub_core.store.index import Failure, LastRun, Scope
from airnub_prefect.artifacts import share_progress
from airnub_prefect.blocks import local_folder, locate, read_address
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.events import DatasetUpdated, emit_dataset_updated, is_within_pipeline
from airnub_prefect.places import data_path
from airnub_prefect.progress import BatchProgress
from airnub_prefect.settings import DatasetSettings, DatasetsPart, check_names
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


async def make_datasets(
    settings: DatasetSettings,
    accept: Sequence[str] = (),
    *,
    sources: Collection[str] | None = None,
    failed: bool = False,
) -> Report:
    """Make every dataset of a department, one after another, each in a task of its own.

    All that is behind is made, whatever event started the run. One with a new version sends `airnub.dataset.updated`.

    Args:
        settings: of the processing.
        accept: datasets whose next version may be beyond their limits, or of sources that are not complete, this once.
        sources: make only datasets of these sources; all without one.
        failed: of these, make only those that failed or were skipped in their last run.

    Returns:
        What became of each; one that cannot be made has failed, and stops no other. One that requires complete sources
        is skipped where one of them is not.

    Raises:
        ConfigurationError: `accept` has a name that no dataset has, or `sources` one that no dataset reads; nothing was
            made.
        StoreError: what failed in the last run cannot be read or noted.
    """
    declared = settings.declared()
    for name in accept:
        if name not in declared:
            raise ConfigurationError.of("accept", f"unknown dataset {name!r}; {nearest_or_all(name, declared)}")
    read_from = {name: dataset.sources for name, dataset in declared.items()}
    if not is_within_pipeline():  # there the ingestion has checked them, and not every source has a dataset
        check_names("source", sources or (), {source for of_one in read_from.values() for source in of_one})
    names = [name for name in declared if not sources or not set(sources).isdisjoint(read_from[name])]
    place = await locate(settings)
    if failed:
        last = await asyncio.to_thread(_last_runs, place)
        names = [name for name in names if name in last and not last[name].is_complete]
    progress = BatchProgress("datasets")
    progress.expect(len(names))
    await asyncio.to_thread(_begin, place, names, str(runtime.flow_run.id))
    outcomes: list[Outcome] = []
    for name in names:
        outcomes.append(await make_dataset(name, settings, name in accept))
        progress.outcome(outcomes[-1])
    await asyncio.to_thread(_note, place, outcomes, str(runtime.flow_run.id))
    return Report(outcomes)


# A retry would not help: what is wrong is in the objects, in the declaration, or on the disk.
@task(name="dataset", task_run_name="dataset {name}", cache_policy=NO_CACHE)
async def make_dataset(name: str, settings: DatasetSettings, accept: bool = False) -> Outcome:
    """Bring one dataset to what its sources have in the store now; a new version sends `airnub.dataset.updated`."""
    from airnub_data import Run
    from airnub_data.outcome import dataset_outcome

    dataset = settings.declared()[name]
    store, location = await locate(settings), await locate_datasets(settings)
    run = Run(runtime.flow_run.id, runtime.flow_run.flow_name, _code_version(settings))
    async with share_progress(f"{name}: objects read and files written") as progress:
        outcome = await asyncio.to_thread(
            dataset_outcome, dataset, store, location, accept=accept, run=run, on_progress=progress.set
        )
    if outcome.kind in NEW:
        emit_dataset_updated(
            DatasetUpdated(
                department=settings.department,
                dataset=name,
                version=outcome.version,
                rows=outcome.rows,
                rows_read=outcome.rows_read,
                quarantined=outcome.quarantined,
                superseded=outcome.superseded,
            )
        )
    return outcome


def _last_runs(place: Place) -> dict[str, LastRun]:
    if not _exists(place):
        return {}
    with open_store(place) as (_, index):
        return index.last_runs(Scope.DATASET)


def _begin(place: Place, names: Sequence[str], run: str) -> None:
    """Note that a run makes them: one that is killed has not ended, and is not that of before."""
    if names and _exists(place):
        with open_store(place) as (_, index):
            index.begin_runs(Scope.DATASET, names, run)


def _note(place: Place, outcomes: Sequence[Outcome], run: str) -> None:
    """Note what failed, and what was skipped, for a run of this alone."""
    if not outcomes or not _exists(place):
        return
    failures = {
        one.source: [Failure(None, str(one.error or one.warning))] if one.kind in {Kind.FAILED, Kind.SKIPPED} else []
        for one in outcomes
    }
    with open_store(place) as (_, index):
        index.end_runs(Scope.DATASET, failures, run)


def _exists(place: Place) -> bool:
    """Whether there is a store: opening one makes it."""
    return not isinstance(place.objects, Path) or place.objects.is_dir()


def _code_version(settings: DatasetSettings) -> str | None:
    """The version of the deployment that runs, else that of the department's package; `None` where neither has one."""
    if runtime.deployment.version:
        return str(runtime.deployment.version)
    try:
        return version(settings.package().replace("_", "-"))
    except PackageNotFoundError:
        return None
