"""The `list` command: the flows of a department, what each does, and which settings it reads."""

from airnub_prefect.command.display import print_json, print_rows
from airnub_prefect.department import PIPELINE, Department


def list_flows(department: Department, *, as_json: bool) -> int:
    """List the flows of a department."""
    rows = []
    for stage in department.stages:
        flow, kind = stage.load_flow(), stage.load_settings()
        rows.append(
            {
                "stage": stage.name,
                "flow": flow.name,
                "description": " ".join((flow.description or "").split()),
                "variable": kind.variable(),
                "file": kind.yaml_name(),
            }
        )
    pipeline = department.load_pipeline()
    description = " ".join((pipeline.description or "").split())
    rows.append({"stage": PIPELINE, "flow": pipeline.name, "description": description, "variable": "-", "file": "-"})
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ["stage", "flow", "description", "variable", "file"])
    return 0
