"""The definition of department_template."""

import os
import subprocess
import sys

from airnub_prefect.run_names import run_name
from department_template.department import DEPARTMENT


def test_every_part_can_be_imported():
    """Import paths of flows and settings are valid."""
    for stage in DEPARTMENT.stages:
        assert stage.load_flow().name == f"{DEPARTMENT.command}-{stage.name}"
        kind = stage.load_settings()
        assert (kind.department, kind.stage) == (DEPARTMENT.name, stage.name)
    assert DEPARTMENT.load_pipeline().name == DEPARTMENT.command


def test_list_does_not_import_flows():
    """Its output equals the descriptions and settings of the flows."""
    described = {stage.name: stage.load_flow() for stage in DEPARTMENT.stages} | {
        "pipeline": DEPARTMENT.load_pipeline()
    }
    assert DEPARTMENT.descriptions == {name: flow.description for name, flow in described.items()}


def test_runs_are_named_by_flow_and_time():
    """The names replace Prefect's random words."""
    for flow in [DEPARTMENT.load_pipeline(), *(stage.load_flow() for stage in DEPARTMENT.stages)]:
        assert flow.flow_run_name is run_name


def test_flows_are_imported_without_a_server(tmp_path):
    """Workers and deployments import them before a server is reachable; none is started."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    settings = {"PREFECT_HOME": str(tmp_path), "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false"}
    module = DEPARTMENT.pipeline.partition(":")[0]
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"], env=kept | settings, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_answers():
    """`python -m` is the command, and its help has an example."""
    command = [sys.executable, "-m", "department_template", "run", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Example: uv run {DEPARTMENT.command} run ingestion" in done.stdout
