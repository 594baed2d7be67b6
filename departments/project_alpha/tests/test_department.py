"""The definition of project_alpha."""

import os
import subprocess
import sys

import pytest

from airnub_prefect.run_names import run_name
from project_alpha.department import DEPARTMENT
from project_alpha.flows.ingestion.public_api_data import public_api_data
from project_alpha.flows.ingestion.scheduled_file_downloads import scheduled_file_downloads
from project_alpha.flows.ingestion.web_page_link_scraping import web_page_link_scraping

MODULES = sorted({place.partition(":")[0] for place in (DEPARTMENT.pipeline, *(s.flow for s in DEPARTMENT.stages))})

# An audit hook cannot be removed: whatever asks the network ends the process.
NO_NETWORK = """
import sys
def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen", "os.posix_spawn"}:
        raise SystemExit(f"{event} {arguments}")
sys.addaudithook(refuse)
"""


PRINT_LOADED = "print(*{'matplotlib', 'polars', 'airnub_data', 'prefect', 'pydantic', 'httpx'} & set(sys.modules))\n"


def run_python(folder, code):
    """Run code in a process without a Prefect server and without a network; returns its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    settings = {"PREFECT_HOME": str(folder), "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false"}
    done = subprocess.run(
        [sys.executable, "-c", NO_NETWORK + code],
        env=kept | settings,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Libraries that are loaded after the settings, after the flow of the ingestion, and after all flows.

    One process for all of them: each import of Prefect takes more than a second.
    """
    code = (
        "import project_alpha.department, project_alpha.settings, project_alpha.demo\n"
        f"{PRINT_LOADED}"
        "ingestion = project_alpha.department.DEPARTMENT.stages[0]\n"
        "ingestion.load_flow(), ingestion.load_settings()\n"
        f"{PRINT_LOADED}"
        f"import {', '.join(MODULES)}\n"
        f"{PRINT_LOADED}"
    )
    return [set(line.split()) for line in run_python(tmp_path_factory.mktemp("imports"), code)]


def test_every_part_can_be_imported():
    """Import paths of flows, settings and the demo are valid."""
    for stage in DEPARTMENT.stages:
        assert stage.load_flow().name == f"project-alpha-{stage.name}"
        kind = stage.load_settings()
        assert (kind.department, kind.stage) == (DEPARTMENT.name, stage.name)
    assert DEPARTMENT.load_pipeline().name == DEPARTMENT.command == "project-alpha"
    assert DEPARTMENT.load_demo().routes(with_failure=False)


def test_flows_say_what_they_are():
    """Each has a description and a form of its settings for the UI."""
    flows = [DEPARTMENT.load_pipeline(), *(stage.load_flow() for stage in DEPARTMENT.stages)]
    categories = [scheduled_file_downloads, public_api_data, web_page_link_scraping]
    assert len({flow.name for flow in [*flows, *categories]}) == 7
    for flow in [*flows, *categories]:
        assert flow.description
        assert "\n" not in flow.description
        assert flow.flow_run_name is run_name
        assert flow.parameters.properties
        assert all(flow.parameters.properties[name].get("title") for name in flow.parameters.properties)


def test_the_list_needs_no_flow(tmp_path):
    """`list` prints the flows' descriptions without importing Prefect, Pydantic or a library of analysis."""
    described = {stage.name: stage.load_flow() for stage in DEPARTMENT.stages} | {
        "pipeline": DEPARTMENT.load_pipeline()
    }
    assert DEPARTMENT.descriptions == {name: flow.description for name, flow in described.items()}
    code = (
        "from airnub_prefect.command.main import group\n"
        "from project_alpha.department import DEPARTMENT\n"
        "try:\n"
        "    group(DEPARTMENT)(['list'])\n"
        "finally:\n"
        f"    {PRINT_LOADED}"
    )
    printed = run_python(tmp_path, code)
    assert any("project-alpha-ingestion" in line for line in printed)
    assert printed[-1] == ""


def test_the_department_and_its_settings_need_no_prefect(loaded):
    """So `--help` is fast, and `check` reads settings without Prefect."""
    assert not loaded[0] & {"prefect", "polars", "matplotlib"}


def test_the_ingestion_imports_no_library_of_analysis(loaded):
    """Neither its flow nor its settings do; matplotlib takes 0.8 s, polars 0.3 s."""
    assert not loaded[1] & {"matplotlib", "polars", "airnub_data"}
    assert "prefect" in loaded[1]


def test_flows_are_imported_without_a_server_and_a_network(loaded):
    """Workers and deployments import them before a server is reachable."""
    assert {"prefect", "polars"} <= loaded[2]
