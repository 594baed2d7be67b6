"""What the department consists of, as far as deploying looks."""

from airnub_prefect.department import Department, Stage

DEPARTMENT = Department(
    name="department_for_deploying",
    stages=(
        Stage("first", "department_for_deploying.flows:first", "department_for_deploying.flows:Settings"),
        Stage("second", "department_for_deploying.flows:second", "department_for_deploying.flows:Settings"),
    ),
    pipeline="department_for_deploying.flows:first",
    demo="department_for_deploying.demo:DEMO",
)
