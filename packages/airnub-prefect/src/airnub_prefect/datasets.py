"""Datasets in Prefect: where they are, and a task for each. Needs the extra `airnub-prefect[datasets]`."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.variables import Variable

from airnub_core import Kind, Outcome, Report
from airnub_core.errors import DatasetError
from airnub_prefect.artifacts import artifact_key, share_progress
from airnub_prefect.assets import emit_dataset_asset
from airnub_prefect.blocks import local_folder, locate, read_address
from airnub_prefect.check_report import VERSIONS, publish_checks
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.events import emit_dataset_checked
from airnub_prefect.places import data_path
from airnub_prefect.progress import BatchProgress
from airnub_prefect.settings import DatasetSettings, DatasetsPart, variable_of
from airnub_prefect.validation import nearest_or_all, validated

if TYPE_CHECKING:
    # polars and deltalake come with an extra, and take long to import: only what works with rows imports them.
    from airnub_data import Dataset, Location


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


async def locate_published(departments: Iterable[str]) -> "dict[str, Location]":
    """Where departments have their datasets, as the Variables of their processing say it: images have no checkout.

    A department without such a Variable is left out: the checkout says it, if there is one.

    Raises:
        ConfigurationError: a Variable does not say it, or names a block that cannot be used.
    """
    found = {}
    for department in dict.fromkeys(departments):
        name = variable_of(department, "processing")
        value = await Variable.aget(name)
        if value is not None:
            datasets = value.get("datasets") if isinstance(value, dict) else None
            part = validated(DatasetsPart, {"datasets": datasets}, f"Variable {name}")
            found[department] = await locate_datasets(part)
    return found


async def make_datasets(settings: DatasetSettings, accept: Sequence[str] = ()) -> Report:
    """Make every dataset of a department, one after another, each in a task of its own, behind its inputs.

    One whose input fails is made of the versions that its inputs have, with a warning.

    Args:
        settings: of the processing.
        accept: datasets whose next version may be beyond their limits, this once.

    Returns:
        What became of each; one that cannot be made has failed, and stops no other.

    Raises:
        ConfigurationError: `accept` has a name that no dataset has; nothing was made.
    """
    from airnub_data import by_name

    declared = by_name(*settings.declared().values())
    for name in accept:
        if name not in declared:
            raise ConfigurationError.of("accept", f"unknown dataset {name!r}; {nearest_or_all(name, declared)}")
    progress = BatchProgress("datasets")
    progress.expect(len(declared))
    outcomes: dict[str, Outcome] = {}
    for name, dataset in declared.items():
        inputs = [outcomes[one.stem] for one in dataset.own_inputs]
        # What it waits for has ended already: the graph of the run shows it.
        outcome = await make_dataset(name, settings, name in accept, wait_for=inputs)
        outcomes[name] = outcome
        progress.outcome(outcome)
    await _publish_checks(settings, list(outcomes.values()))
    return Report([_with_inputs(outcome, declared[name], outcomes) for name, outcome in outcomes.items()])


# A retry would not help: what is wrong is in the objects, in the declaration, or on the disk.
@task(name="dataset", task_run_name="dataset {name}", cache_policy=NO_CACHE)
async def make_dataset(name: str, settings: DatasetSettings, accept: bool = False) -> Outcome:
    """Bring one dataset to what its sources have in the store now."""
    from airnub_data import Run
    from airnub_data.outcome import dataset_outcome

    dataset = settings.declared()[name]
    store, location = await locate(settings), await locate_datasets(settings)
    try:
        published = await locate_published(one.department for one in dataset.published_inputs)
    except ConfigurationError as error:
        return Outcome(name, Kind.FAILED, error=DatasetError(name, f"its inputs: {error}"))
    run = Run(runtime.flow_run.id, runtime.flow_run.flow_name, _code_version(settings))
    async with share_progress(f"{name}: objects read and files written") as progress:
        outcome = await asyncio.to_thread(
            dataset_outcome, dataset, store, location, published=published, accept=accept, run=run,
            on_progress=progress.set,
        )  # fmt: skip
    emit_dataset_asset(settings.department, dataset, outcome)
    emit_dataset_checked(settings.department, outcome)
    return outcome


async def _publish_checks(settings: DatasetSettings, outcomes: Sequence[Outcome]) -> None:
    checked = [one for one in outcomes if one.checks]
    if not checked:
        return
    from airnub_data.check_history import check_history

    location = await locate_datasets(settings)
    history = {one.source: await asyncio.to_thread(check_history, location, one.source, VERSIONS) for one in checked}
    key = artifact_key(settings.department, settings.stage)
    await publish_checks(key, f"{settings.department} {settings.stage}", checked, history)


def _with_inputs(outcome: Outcome, dataset: "Dataset", outcomes: Mapping[str, Outcome]) -> Outcome:
    """An outcome with a warning where an input failed in this run."""
    failed = [one.stem for one in dataset.own_inputs if outcomes[one.stem].kind is Kind.FAILED]
    if not failed or outcome.kind is Kind.FAILED:
        return outcome
    warning = f"its input {', '.join(failed)} failed in this run: it is made of the version before"
    return replace(outcome, warning="; ".join(filter(None, (outcome.warning, warning))))


def _code_version(settings: DatasetSettings) -> str | None:
    """The version of the deployment that runs, else that of the department's package; `None` where neither has one."""
    if runtime.deployment.version:
        return str(runtime.deployment.version)
    try:
        return version(settings.package().replace("_", "-"))
    except PackageNotFoundError:
        return None
