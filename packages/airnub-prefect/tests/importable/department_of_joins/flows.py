"""Its flow."""

from prefect import flow

from airnub_core import Report
from airnub_prefect.conclusion import conclude
from airnub_prefect.datasets import make_datasets
from airnub_prefect.resolution import resolve
from department_of_joins.settings import ProcessingSettings


@flow(name="department-of-joins-processing")
async def processing(
    settings: ProcessingSettings | None = None,
    accept: list[str] | None = None,
    sources: list[str] | None = None,
    failed: bool = False,
) -> Report:
    """Makes the datasets."""
    settings = await resolve(ProcessingSettings, settings)
    return await conclude(settings, await make_datasets(settings, accept or (), sources=sources, failed=failed))
