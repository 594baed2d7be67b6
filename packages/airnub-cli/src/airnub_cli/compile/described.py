"""Described: what a department's `department.py` says of it is there, and is called as others look for it."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from airnub_prefect.department import Department, Stage
from airnub_prefect.errors import Diagnostic


def wrong_description(department: Department, where: str) -> Iterator[Diagnostic]:
    """Flows, settings and the demo that are not where the department says, or are another's by their names.

    Args:
        department: as it describes itself.
        where: the file in which it does.
    """
    for stage in department.stages:
        yield from _wrong_flow(f"flow of stage {stage.name}", stage.flow, stage.load_flow, department, where)
        yield from _wrong_settings(stage, department)
    yield from _wrong_flow("pipeline", department.pipeline, department.load_pipeline, department, where)
    try:
        department.load_demo()
    except (ImportError, AttributeError) as error:
        yield Diagnostic(where, None, f"expected a demo at {department.demo}, found: {error}")
    except (Exception, SystemExit) as error:  # noqa: BLE001  # as above
        yield Diagnostic(where, None, f"importing {department.demo} raises {type(error).__name__}: {error}")


def _wrong_flow(
    what: str, place: str, load: Callable[[], Any], department: Department, where: str
) -> Iterator[Diagnostic]:
    from prefect.flows import Flow

    try:
        flow = load()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # as above
        yield Diagnostic(where, None, f"expected the {what} at {place}, found: {error}")
        return
    if not isinstance(flow, Flow):
        yield Diagnostic(where, None, f"expected the {what} at {place}, found no flow")
    elif flow.name != department.command and not flow.name.startswith(f"{department.command}-"):
        code = flow.fn.__code__
        message = (
            f"expected a name of the flow that begins with {department.command!r}, found {flow.name!r}: Prefect tells "
            "flows apart by their names"
        )
        yield Diagnostic(code.co_filename, code.co_firstlineno, message)


def _wrong_settings(stage: Stage, department: Department) -> Iterator[Diagnostic]:
    try:
        kind = stage.load_settings()
        found = kind.department, kind.stage
    except (Exception, SystemExit):  # noqa: BLE001  # told with the flows
        return
    if found != (department.name, stage.name):
        message = (
            f"expected department={department.name!r}, stage={stage.name!r} in {kind.__qualname__}, found "
            f"department={found[0]!r}, stage={found[1]!r}: its Variable would be another's"
        )
        yield Diagnostic(inspect.getfile(kind), inspect.getsourcelines(kind)[1], message)
