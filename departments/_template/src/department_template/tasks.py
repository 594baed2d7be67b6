"""Tasks of the later stages: a name and one call each. They have no retries, since they use only local files."""

import asyncio

from prefect import task
from prefect.cache_policies import NO_CACHE

from airnub_core import Outcome
from airnub_prefect.datasets import locate_datasets
from airnub_prefect.paths import data_path
from department_template.example.report import write_report
from department_template.settings import AnalysisSettings


@task(cache_policy=NO_CACHE)
async def report(settings: AnalysisSettings) -> Outcome:
    """Write the report."""
    location = await locate_datasets(settings)
    return await asyncio.to_thread(write_report, location, data_path(settings.reports))
