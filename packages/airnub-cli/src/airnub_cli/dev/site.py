"""The site: `python -m airnub_cli.dev.site PORT DEPARTMENT...`; the sample data of all departments under one address.

The environment `local` knows one site, as Compose does.
"""

import signal
import sys
import threading
from collections.abc import Iterable
from importlib import import_module

from airnub_core.sample_site import Route
from airnub_prefect.command.site import Site
from airnub_prefect.department import Department
from airnub_prefect.errors import ConfigurationError


def together(departments: Iterable[Department]) -> dict[str, Route]:
    """What all of them serve.

    Raises:
        ConfigurationError: two serve the same path.
    """
    routes: dict[str, Route] = {}
    owners: dict[str, str] = {}
    for department in departments:
        for path, route in department.load_demo().routes(with_failure=False).items():
            if path in owners:
                raise ConfigurationError.of(
                    department.name, f"expected paths of its own on the sample site, found {path} of {owners[path]} too"
                )
            routes[path], owners[path] = route, department.name
    return routes


def main() -> None:
    """Serve until SIGTERM."""
    port, *names = sys.argv[1:]
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        routes = together(import_module(f"{name}.department").DEPARTMENT for name in names)
        with Site(routes, port=int(port)) as site:
            sys.stdout.write(f"sample data of {', '.join(names)} on {site.url('/')}\n")
            sys.stdout.flush()
            stopped.wait()
    except (ConfigurationError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
