"""Its flows."""

from prefect import flow

from airnub_core import Report
from airnub_prefect.conclusion import conclude
from airnub_prefect.datasets import make_datasets
from airnub_prefect.resolution import resolve
from department_of_data.settings import OtherSettings, ProcessingSettings


@flow(name="department-of-data-processing")
async def processing(
    settings: ProcessingSettings | None = None,
    accept: list[str] | None = None,
    sources: list[str] | None = None,
    failed: bool = False,
) -> Report:
    """Makes the dataset."""
    settings = await resolve(ProcessingSettings, settings)
    return await conclude(settings, await make_datasets(settings, accept or (), sources=sources, failed=failed))


@flow(name="department-of-data-other")
async def other(settings: OtherSettings | None = None) -> Report:
    """Makes nothing."""
    assert settings is not None
    return Report()
