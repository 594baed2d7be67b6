"""Its command: `python -m department_for_tests`."""

from airnub_prefect.command import main
from department_for_tests.department import DEPARTMENT

if __name__ == "__main__":
    main(DEPARTMENT)
