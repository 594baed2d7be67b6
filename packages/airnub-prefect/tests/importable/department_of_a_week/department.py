"""What it consists of."""

from airnub_prefect.department import Department, Stage

DEPARTMENT = Department(
    name="department_of_a_week",
    stages=(
        Stage("ingestion", "department_of_a_week.flows:ingestion", "department_of_a_week.settings:IngestionSettings"),
        Stage(
            "processing", "department_of_a_week.flows:processing", "department_of_a_week.settings:ProcessingSettings"
        ),
    ),
    pipeline="department_of_a_week.flows:pipeline",
    demo="department_of_a_week.demo:DEMO",
)
