"""Pipeline: ingestion, processing and analysis in one run, each handing over to the next."""

from prefect import flow

from airnub_core import Report
from airnub_prefect.pipeline import run_stages
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
    sources: list[str] | None = None,
    failed: bool = False,
) -> dict[str, Report]:
    """Parameters: the settings of each stage. All stages run; then a run with failures fails, and names them.

    `sources`: run only these, and datasets of them. `failed`: run only the items that failed in the last run.
    """
    return await run_stages(
        {
            "ingestion": lambda: ingest(ingestion, force, sources, failed),
            "processing": lambda: process(processing, None, sources),
            "analysis": lambda: analyse(analysis),
        }
    )
