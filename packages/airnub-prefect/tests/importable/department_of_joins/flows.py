"""Its flow."""

from prefect import flow

from airnub_core import Report
from airnub_prefect.datasets import make_datasets
from airnub_prefect.finish_stage import finish_stage
from airnub_prefect.settings_resolution import resolve
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
    return await finish_stage(settings, await make_datasets(settings, accept or (), sources=sources, failed=failed))
