"""Definition of project_alpha, for its command and for deployments."""

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
    descriptions={
        "ingestion": "Ingestion: everything that project_alpha's settings name, fetched into its content store.",
        "processing": "Processing: what was ingested becomes typed tables, one dataset a source; "
        "rows that break a rule are quarantined.",
        "analysis": "Analysis: where does it rain more, in Seattle or in New York? "
        "Answered with a table, a plot and a report.",
        "pipeline": "Pipeline: ingestion, processing and analysis in one run, each handing over to the next.",
    },
)
