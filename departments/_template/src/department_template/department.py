"""Definition of department_template, for its command and for deployments."""

from airnub_prefect.department import Department, Stage

_PACKAGE = "department_template"
_STAGES = [
    Stage("ingestion", f"{_PACKAGE}.flows.ingestion:ingestion", f"{_PACKAGE}.settings:IngestionSettings"),
    Stage("processing", f"{_PACKAGE}.flows.processing:processing", f"{_PACKAGE}.settings:ProcessingSettings"),
    Stage("analysis", f"{_PACKAGE}.flows.analysis:analysis", f"{_PACKAGE}.settings:AnalysisSettings"),
]

DEPARTMENT = Department(
    name="department_template",
    stages=tuple(_STAGES),
    pipeline=f"{_PACKAGE}.flows.pipeline:pipeline",
    demo=f"{_PACKAGE}.example.demo:DEMO",
    descriptions={
        "ingestion": "Ingestion: everything that the settings name, fetched into the content store by category.",
        "processing": "Processing: what was ingested becomes typed tables; rows that break a rule are quarantined.",
        "analysis": "Analysis: which was the warmest day of each place?",
        "pipeline": "Pipeline: all stages in one run, each handing over to the next.",
    },
)
