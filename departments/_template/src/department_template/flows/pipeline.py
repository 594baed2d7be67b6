"""Pipeline: all stages in one run, each handing over to the next."""

from prefect import flow

from airnub_core import Report
from airnub_prefect.run_names import run_name
from department_template.flows.analysis import analysis as analyse
from department_template.flows.ingestion import ingestion as ingest
from department_template.flows.processing import processing as process
from department_template.settings import AnalysisSettings, IngestionSettings, ProcessingSettings


@flow(name="department-template", description=__doc__, flow_run_name=run_name)
async def pipeline(
    ingestion: IngestionSettings | None = None,
    processing: ProcessingSettings | None = None,
    analysis: AnalysisSettings | None = None,
    force: bool = False,
) -> dict[str, Report]:
    """The settings of each stage; a stage that fails ends the run, and what it stored is taken up by the next one."""
    return {
        "ingestion": await ingest(ingestion, force),
        "processing": await process(processing),
        "analysis": await analyse(analysis),
    }
