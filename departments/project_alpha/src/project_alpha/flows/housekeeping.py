"""Housekeeping: remove old partial files and expired versions of datasets, and report disk usage."""

from prefect import flow

from airnub_prefect.housekeeping import clean_up_department
from airnub_prefect.run_names import run_name
from project_alpha.settings import IngestionSettings, ProcessingSettings


@flow(name="project-alpha-housekeeping", description=__doc__, flow_run_name=run_name)
async def housekeeping(dry_run: bool = False) -> None:
    """`dry_run`: remove nothing, and report the files that would be removed."""
    await clean_up_department(
        IngestionSettings,
        ProcessingSettings,
        dry_run=dry_run,
    )
