"""The command `project-alpha`; also `python -m project_alpha`."""

from typing import NoReturn

from airnub_prefect.command import main as department_main
from project_alpha.department import DEPARTMENT


def main() -> NoReturn:
    """Run the command and exit."""
    department_main(DEPARTMENT)


if __name__ == "__main__":
    main()
