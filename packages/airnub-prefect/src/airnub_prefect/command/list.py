"""The `list` command: the flows of a department, with their descriptions and settings."""

from collections.abc import Callable
from typing import Any

from airnub_prefect.command.display import echo, echo_wrapped, print_json
from airnub_prefect.department import PIPELINE, Department, Stage
from airnub_prefect.exit_codes import COMPLETED
from airnub_prefect.paths import variable_of, yaml_name_of


def list_flows(department: Department, *, as_json: bool) -> int:
    """List the flows of a department; a flow without a description in `DEPARTMENT` is imported."""
    rows = [_stage_row(department, stage) for stage in department.stages]
    rows.append(_flow(department, PIPELINE, department.load_pipeline) | {"variable": "-", "file": "-"})
    if as_json:
        print_json(rows)
    else:
        _print(rows)
    return COMPLETED


def _stage_row(department: Department, stage: Stage) -> dict[str, str]:
    row = _flow(department, stage.name, stage.load_flow)
    if stage.name in department.descriptions:
        names = department.name, stage.name
        return row | {"variable": variable_of(*names), "file": yaml_name_of(*names)}
    kind = stage.load_settings()
    return row | {"variable": kind.variable(), "file": kind.yaml_name()}


def _flow(department: Department, name: str, load: Callable[[], Any]) -> dict[str, str]:
    if (description := department.descriptions.get(name)) is not None:
        return {"stage": name, "flow": department.flow_name(name), "description": description}
    flow = load()
    return {"stage": name, "flow": flow.name, "description": " ".join((flow.description or "").split())}


def _print(rows: list[dict[str, Any]]) -> None:
    """Print a paragraph for each flow; a table would be wider than most terminals."""
    width = max(len(row["stage"]) for row in rows)
    indent = " " * (width + 3)
    for row in rows:
        echo(f"{row['stage']:<{width}}   {row['flow']}")
        echo_wrapped(row["description"], indent)
        if row["variable"] != "-":
            echo(f"{indent}settings: Variable {row['variable']}")
            echo(f"{indent}          {row['file']}")
