"""Processing: what was ingested becomes typed tables; rows that break a rule are quarantined."""

from prefect import flow

from airnub_core import Report
from airnub_prefect.datasets import make_datasets
from airnub_prefect.finish_stage import finish_stage
from airnub_prefect.run_names import run_name
from airnub_prefect.settings_resolution import resolve
from department_template.settings import ProcessingSettings


@flow(name="department-template-processing", description=__doc__, flow_run_name=run_name)
async def processing(
    settings: ProcessingSettings | None = None,
    accept: list[str] | None = None,
    sources: list[str] | None = None,
    failed: bool = False,
) -> Report:
    """Settings: the parameter, else the Variable, else the YAML file. `accept`: datasets to commit beyond their limits.

    `sources`: make only datasets of these. `failed`: make only datasets that failed or were skipped in their last run.
    """
    settings = await resolve(ProcessingSettings, settings)
    return await finish_stage(settings, await make_datasets(settings, accept or (), sources=sources, failed=failed))
