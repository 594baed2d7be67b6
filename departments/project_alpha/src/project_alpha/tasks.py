"""Tasks of the later stages: a name and one call each. They have no retries, since they use only local files."""

import asyncio

from prefect import task
from prefect.cache_policies import NO_CACHE

from airnub_prefect.datasets import locate_datasets
from airnub_prefect.paths import data_path
from project_alpha.rain_report import RainReport, write_rain_report
from project_alpha.settings import AnalysisSettings


@task(cache_policy=NO_CACHE)
async def rain_report(settings: AnalysisSettings) -> RainReport:
    """Write the report on rain."""
    location = await locate_datasets(settings)
    return await asyncio.to_thread(write_rain_report, location, data_path(settings.reports))
