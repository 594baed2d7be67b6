"""What it consists of."""

from airnub_prefect.department import Department, Stage

DEPARTMENT = Department(
    name="department_of_joins",
    stages=(
        Stage("processing", "department_of_joins.flows:processing", "department_of_joins.settings:ProcessingSettings"),
    ),
    pipeline="department_of_joins.flows:processing",
    demo="department_of_joins.demo:DEMO",
)
