"""The department's own tasks, of processing and later stages: a name, and one call each.

They work on files of this machine: a retry would not help.
"""

import asyncio

from prefect import task
from prefect.cache_policies import NO_CACHE

from airnub_core import Outcome
from airnub_core.datasets import make_dataset
from airnub_prefect.blocks import locate
from airnub_prefect.places import data_path
from department_template.datasets import DATASETS
from department_template.report import write_report
from department_template.settings import AnalysisSettings, ProcessingSettings


@task(task_run_name="dataset {name}", cache_policy=NO_CACHE)
async def dataset(name: str, settings: ProcessingSettings) -> Outcome:
    """Make one dataset."""
    store, folder = await locate(settings), data_path(settings.datasets)
    return await asyncio.to_thread(make_dataset, DATASETS[name], store, folder, settings.limits(name))


@task(cache_policy=NO_CACHE)
def report(settings: AnalysisSettings) -> Outcome:
    """Write the report."""
    return write_report(data_path(settings.datasets), data_path(settings.reports))
