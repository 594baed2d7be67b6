"""What project_alpha consists of, for its command and for deployments."""

from airnub_prefect.department import Department, Stage

DEPARTMENT = Department(
    name="project_alpha",
    stages=(
        Stage("ingestion", "project_alpha.flows.ingestion:ingestion", "project_alpha.settings:IngestionSettings"),
        Stage("processing", "project_alpha.flows.processing:processing", "project_alpha.settings:ProcessingSettings"),
        Stage("analysis", "project_alpha.flows.analysis:analysis", "project_alpha.settings:AnalysisSettings"),
    ),
    pipeline="project_alpha.flows.pipeline:pipeline",
    demo="project_alpha.demo:DEMO",
)
