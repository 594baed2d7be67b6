"""What it consists of."""

from airnub_prefect.department import Department, Stage

DEPARTMENT = Department(
    name="department_of_data",
    stages=(
        Stage("processing", "department_of_data.flows:processing", "department_of_data.settings:ProcessingSettings"),
        Stage("other", "department_of_data.flows:other", "department_of_data.settings:OtherSettings"),
    ),
    pipeline="department_of_data.flows:processing",
    demo="department_of_data.demo:DEMO",
)
