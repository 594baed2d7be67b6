"""Datasets in Prefect: their location, and a task for each. The extra `airnub-prefect[datasets]` is required."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_run_logger, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.variables import Variable

from airnub_core import Outcome, Report, Status, StoreLocation, open_store
from airnub_core.errors import DatasetError, StoreError
from airnub_core.outcome import NEW
from airnub_core.store.index import Failure, LastRun, Scope
from airnub_prefect.artifacts import artifact_key, share_progress
from airnub_prefect.assets import emit_dataset_asset
from airnub_prefect.blocks import local_folder, locate, read_address
from airnub_prefect.check_report import VERSIONS, publish_checks
from airnub_prefect.errors import ArgumentError, ConfigurationError
from airnub_prefect.events import DatasetUpdated, emit_dataset_checked, emit_dataset_updated, is_within_pipeline
from airnub_prefect.paths import data_path, variable_of
from airnub_prefect.progress import BatchProgress
from airnub_prefect.run_logs import send_library_logs
from airnub_prefect.selection import check_names
from airnub_prefect.settings import DatasetsConfig, DatasetSettings
from airnub_prefect.validation import nearest_or_all, validated

if TYPE_CHECKING:
    # polars and deltalake come with an extra, and take long to import: only what works with rows imports them.
    from airnub_data import Dataset, Location

send_library_logs()

_INCOMPLETE = {Status.FAILED: "failed", Status.SKIPPED: "was skipped"}


async def locate_datasets(config: DatasetsConfig) -> "Location":
    """The location of a department's datasets.

    Raises:
        ConfigurationError: a block is missing or has an unsupported form, or there is no data root.
    """
    from airnub_data import Location

    if isinstance(config.datasets, str):
        return Location(data_path(config.datasets))
    address = await read_address(config.datasets)
    return Location(address, local_folder(config.datasets, address))


async def locate_published(departments: Iterable[str]) -> "dict[str, Location]":
    """The locations of other departments' datasets, from the Variables of their processing: images have no checkout.

    A department without such a Variable is left out; the caller looks into the checkout, if there is one.

    Raises:
        ConfigurationError: a Variable has no `datasets`, or names a block that cannot be used.
    """
    found = {}
    for department in dict.fromkeys(departments):
        name = variable_of(department, "processing")
        value = await Variable.aget(name)
        if value is not None:
            datasets = value.get("datasets") if isinstance(value, dict) else None
            config = validated(DatasetsConfig, {"datasets": datasets}, f"Variable {name}")
            found[department] = await locate_datasets(config)
    return found


async def make_datasets(
    settings: DatasetSettings,
    accept: Sequence[str] = (),
    *,
    sources: Collection[str] | None = None,
    failed: bool = False,
) -> Report:
    """Make the datasets of a department, each in a task of its own, inputs first.

    If an input fails or is skipped, a dataset is made from the last versions of its inputs, with a warning. A dataset
    with `requires_complete` is skipped instead, also if an input is not made in this run and failed in its last one.

    All stale datasets are made, whatever event started the run. Each new version sends `airnub.dataset.updated`.

    Args:
        settings: settings of the processing.
        accept: datasets whose next version may exceed their limits, or have incomplete sources, in this run.
        sources: make only datasets of these sources, and their downstream datasets; all datasets if empty.
        failed: of these, make only datasets whose last run failed, was skipped or has not ended, and their downstream
            datasets. Without a store there is no record of runs, and all are made.

    Returns:
        The outcome of each dataset. A failure stops no other dataset.

    Raises:
        ArgumentError: `accept` has an unknown dataset, or `sources` a source that no dataset reads; nothing was
            made.
        StoreError: the record of the last runs cannot be read or written.
    """
    from airnub_data import by_name
    from airnub_data.outcome import skipped_outcome

    declared = by_name(*settings.declared().values())
    for name in accept:
        if name not in declared:
            raise ArgumentError.of("accept", f"unknown dataset {name!r}; {nearest_or_all(name, declared)}")
    read_from = {name: dataset.sources for name, dataset in declared.items()}
    if not is_within_pipeline():  # in a pipeline the ingestion checks the names, and not every source has a dataset
        check_names("source", sources or (), {source for of_one in read_from.values() for source in of_one})
    names = [name for name in declared if not sources or not set(sources).isdisjoint(read_from[name])]
    names = _selected(declared, names)
    place, run = await locate(settings), str(runtime.flow_run.id)

    def select(last: Mapping[str, LastRun]) -> list[str]:
        wanted = [name for name in names if not failed or _is_lacking(last.get(name))]
        return _selected(declared, wanted)

    if await asyncio.to_thread(_exists, place):
        names, last = await asyncio.to_thread(_note_begin, place, settings.department, select, run)
    else:
        last = {}
    progress = BatchProgress("datasets")
    progress.expect(len(names))
    outcomes: dict[str, Outcome] = {}
    for name in names:
        dataset = declared[name]
        inputs = {one.stem: outcomes[one.stem] for one in dataset.own_inputs if one.stem in outcomes}
        lacking = [
            f"{one} {_INCOMPLETE[given.kind]} in this run" for one, given in inputs.items() if given.kind in _INCOMPLETE
        ]
        before = [
            one.stem for one in dataset.own_inputs if one.stem not in outcomes and _is_lacking(last.get(one.stem))
        ]
        incomplete = [*lacking, *(f"{one} was not made in its last run" for one in before)]
        if incomplete and dataset.requires_complete and name not in accept:
            location = await locate_datasets(settings)
            outcome = await asyncio.to_thread(skipped_outcome, dataset, location, _skipped(name, incomplete))
            emit_dataset_checked(settings.department, outcome)
        else:
            # The inputs have ended already; `wait_for` draws them in the graph of the run.
            outcome = await make_dataset(name, settings, name in accept, wait_for=list(inputs.values()))
            if lacking and outcome.kind is not Status.FAILED:
                outcome = _warned(outcome, lacking)
        outcomes[name] = outcome
        progress.outcome(outcome)
    await asyncio.to_thread(_note_end, place, settings.department, list(outcomes.values()), run)
    await _publish_checks(settings, list(outcomes.values()))
    return Report(list(outcomes.values()))


def _selected(declared: "Mapping[str, Dataset]", begin: Collection[str]) -> list[str]:
    """These datasets and their downstream datasets, inputs first."""
    selected: list[str] = []
    for name, dataset in declared.items():
        if name in begin or any(one.stem in selected for one in dataset.own_inputs):
            selected.append(name)
    return selected


def _skipped(name: str, lacking: Sequence[str]) -> str:
    return (
        f"skipped, since it requires complete inputs: {', '.join(lacking)}. Make the inputs, or accept them once: run "
        f"processing --accept {name}"
    )


def _warned(outcome: Outcome, lacking: Sequence[str]) -> Outcome:
    """The outcome with a warning that inputs were not made in this run."""
    warning = f"its input {', '.join(lacking)}: it is made from the previous version"
    return replace(outcome, warning="; ".join(filter(None, (outcome.warning, warning))))


# No retries: the cause of a failure is in the objects, in the declaration or on the disk.
@task(name="dataset", task_run_name="dataset {name}", cache_policy=NO_CACHE)
async def make_dataset(name: str, settings: DatasetSettings, accept: bool = False) -> Outcome:
    """Make one dataset from what its sources have in the store; a new version sends `airnub.dataset.updated`."""
    from airnub_data import Run
    from airnub_data.outcome import dataset_outcome

    dataset = settings.declared()[name]
    store, location = await locate(settings), await locate_datasets(settings)
    try:
        published = await locate_published(one.department for one in dataset.published_inputs)
    except ConfigurationError as error:
        return Outcome(name, Status.FAILED, error=DatasetError(name, f"its inputs: {error}"))
    run = Run(runtime.flow_run.id, runtime.flow_run.flow_name, _code_version(settings))
    async with share_progress(f"{name}: objects read and files written") as progress:
        outcome = await asyncio.to_thread(
            dataset_outcome, dataset, store, location, published=published, accept=accept, run=run,
            on_progress=progress.set,
        )  # fmt: skip
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
    emit_dataset_asset(settings.department, dataset, outcome)
    emit_dataset_checked(settings.department, outcome)
    return outcome


async def _publish_checks(settings: DatasetSettings, outcomes: Sequence[Outcome]) -> None:
    checked = [one for one in outcomes if one.checks]
    if not checked:
        return
    from airnub_data.check_history import check_history

    location = await locate_datasets(settings)
    history = {}
    for one in checked:
        try:
            history[one.source] = await asyncio.to_thread(check_history, location, one.source, VERSIONS)
        except (StoreError, DatasetError) as error:
            # The datasets are committed: their report is published all the same.
            get_run_logger().warning(
                "%s: check results of its last versions cannot be read and are not shown: %s", one.source, error
            )
    key = artifact_key(settings.department, settings.stage)
    await publish_checks(key, f"{settings.department} {settings.stage}", checked, history)


def _is_lacking(last: LastRun | None) -> bool:
    """Whether the last run of a dataset failed, was skipped or has not ended."""
    return last is not None and not last.is_complete


def _note_begin(
    place: StoreLocation, department: str, select: Callable[[Mapping[str, LastRun]], list[str]], run: str
) -> tuple[list[str], dict[str, LastRun]]:
    """Record that datasets are about to be made, so that `run --failed` makes them after a killed run.

    Args:
        place: location of a store that exists.
        department: department of the datasets; departments that share a store may have datasets of one name.
        select: returns the names of the datasets to make, from the last run of each dataset.
        run: id of the run.

    Returns:
        The names of the datasets to make, and the last runs.
    """
    with open_store(place) as (_, index):
        of_all = index.last_runs(Scope.DATASET)
        begin = _key(department, "")
        last = {key.removeprefix(begin): one for key, one in of_all.items() if key.startswith(begin)}
        names = select(last)
        if names:
            index.begin_runs(Scope.DATASET, [_key(department, name) for name in names], run)
    return names, last


def _note_end(place: StoreLocation, department: str, outcomes: Sequence[Outcome], run: str) -> None:
    """Record failed and skipped datasets for `run --failed`."""
    if not outcomes or not _exists(place):
        return
    failures = {
        _key(department, one.source): (
            [Failure(None, str(one.error or one.warning))] if one.kind in {Status.FAILED, Status.SKIPPED} else []
        )
        for one in outcomes
    }
    with open_store(place) as (_, index):
        index.end_runs(Scope.DATASET, failures, run)


def _key(department: str, dataset: str) -> str:
    """The key of a dataset's last run in the index."""
    return f"{department}/{dataset}"


def _exists(place: StoreLocation) -> bool:
    """Whether the store exists; opening it would create it."""
    return not isinstance(place.objects, Path) or place.objects.is_dir()


def _code_version(settings: DatasetSettings) -> str | None:
    """The version of the running deployment, else of the department's package; `None` if neither has one."""
    if runtime.deployment.version:
        return str(runtime.deployment.version)
    try:
        return version(settings.package().replace("_", "-"))
    except PackageNotFoundError:
        return None
