"""The command `department-template`; also `python -m department_template`."""

from typing import NoReturn

from airnub_prefect.command import main as department_main
from department_template.department import DEPARTMENT


def main() -> NoReturn:
    """Run the command and exit."""
    department_main(DEPARTMENT)


if __name__ == "__main__":
    main()
