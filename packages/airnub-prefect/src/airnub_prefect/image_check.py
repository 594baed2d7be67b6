"""Check of an image: every flow of its department is imported, so that the build of an incomplete image fails.

python -m airnub_prefect.image_check project_alpha
"""

import gc
import os
import sys
from importlib import import_module
from pkgutil import walk_packages

from prefect.flows import Flow

from airnub_prefect.department import Department


def import_flows(name: str) -> list[str]:
    """Import all flows of a department, and return their names.

    Every module below `flows` is imported, and every flow, settings model and demo of `DEPARTMENT`. Research code is
    not imported, since its dependencies are an extra.

    Args:
        name: name of the department's package.

    Returns:
        The names of its flows, sorted.

    Raises:
        Exception: an import failed.
        ValueError: there are no flows.
    """
    flows = import_module(f"{name}.flows")
    below = walk_packages(getattr(flows, "__path__", []), f"{flows.__name__}.")
    modules = [flows, *(import_module(one.name) for one in below)]
    department: Department = import_module(f"{name}.department").DEPARTMENT
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Flow)]
    for stage in department.stages:
        stage.load_settings()
        found.append(stage.load_flow())
    found.append(department.load_pipeline())
    if department.demo is not None:
        department.load_demo()
    names = sorted({flow.name for flow in found if flow.fn.__module__.partition(".")[0] == name})
    if not names:
        raise ValueError(f"expected flows below {name}.flows, found none")
    return names


if __name__ == "__main__":
    # Without the garbage collector, imports take two thirds of the time in the build of an image.
    gc.disable()
    [_department] = sys.argv[1:]
    for _flow in import_flows(_department):
        sys.stdout.write(f"{_flow}\n")
    sys.stdout.flush()
    os._exit(0)  # an orderly shutdown would take a sixth of the time
