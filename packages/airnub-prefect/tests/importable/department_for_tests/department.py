"""What it consists of."""

from airnub_prefect.department import Department, Stage

DEPARTMENT = Department(
    name="department_for_tests",
    stages=(
        Stage("ingestion", "department_for_tests.flows:ingestion", "department_for_tests.settings:IngestionSettings"),
        Stage("counting", "department_for_tests.flows:counting", "department_for_tests.settings:CountingSettings"),
        Stage("sync", "department_for_tests.flows:counting_sync", "department_for_tests.settings:CountingSettings"),
    ),
    pipeline="department_for_tests.flows:pipeline",
    demo="department_for_tests.demo:DEMO",
)
