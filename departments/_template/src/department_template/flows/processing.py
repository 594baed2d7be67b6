"""Processing: what was ingested becomes typed Parquet; rows that do not fit are set aside."""

from prefect import flow

from airnub_core import Report
from airnub_prefect.conclusion import conclude
from airnub_prefect.resolution import resolve
from airnub_prefect.run_names import run_name
from department_template.datasets import DATASETS
from department_template.settings import ProcessingSettings
from department_template.tasks import dataset


@flow(name="department-template-processing", description=__doc__, flow_run_name=run_name)
async def processing(settings: ProcessingSettings | None = None) -> Report:
    """Settings: the parameter, else the Variable, else the YAML file."""
    settings = await resolve(ProcessingSettings, settings)
    return await conclude(settings, Report([await dataset(name, settings) for name in DATASETS]))
