"""Pipeline: ingestion, processing and analysis in one run, each handing over to the next."""

from prefect import flow

from airnub_core import Report
from airnub_prefect.run_names import run_name
from project_alpha.flows.analysis import analysis as analyse
from project_alpha.flows.ingestion import ingestion as ingest
from project_alpha.flows.processing import processing as process
from project_alpha.settings import AnalysisSettings, IngestionSettings, ProcessingSettings


@flow(name="project-alpha", description=__doc__, flow_run_name=run_name)
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
