"""The `list` command: the flows of a department, what each does, and which settings it reads."""

from typing import Any

from airnub_prefect.command.display import print_json, tell, tell_wrapped
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
        _print(rows)
    return 0


def _print(rows: list[dict[str, Any]]) -> None:
    """A paragraph for each flow: a table of them is wider than most terminals."""
    width = max(len(row["stage"]) for row in rows)
    indent = " " * (width + 3)
    for row in rows:
        tell(f"{row['stage']:<{width}}   {row['flow']}")
        tell_wrapped(row["description"], indent)
        if row["variable"] != "-":
            tell(f"{indent}settings: Variable {row['variable']}")
            tell(f"{indent}          {row['file']}")
