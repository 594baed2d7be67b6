"""The server of all sample sites on one address: `python -m airnub_cli.dev.sample_sites ROOT HOST PORT`.

The environment `sample` uses it as its sources, with `airnub dev --sample` and in Compose.
"""

import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from airnub_cli.configuration.registry import load_registry
from airnub_core.sample_site import Route
from airnub_prefect.command.site import serve
from airnub_prefect.department import Department
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.exit_codes import FAILED


def together(departments: Iterable[Department]) -> dict[str, Route]:
    """Merge the routes of all sample sites.

    Raises:
        ConfigurationError: two departments serve the same path.
    """
    routes: dict[str, Route] = {}
    owners: dict[str, str] = {}
    for department in departments:
        if department.demo is None:
            continue
        for path, route in department.load_demo().routes(with_failure=False).items():
            if path in owners:
                raise ConfigurationError.of(
                    department.name,
                    f"expected paths that no other sample site has, found {path}, which {owners[path]} serves too",
                )
            routes[path], owners[path] = route, department.name
    return routes


def main() -> None:
    """Serve until SIGTERM."""
    root, host, port = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    try:
        names = [one.id for one in load_registry(root).departments if one.status == "active"]
        routes = together(import_module(f"{name}.department").DEPARTMENT for name in names)
        serve(", ".join(names), routes, host, port)
    except (ConfigurationError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
