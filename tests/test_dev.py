"""The whole system on a laptop without Docker: started, used, edited, and ended by one Ctrl-C."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "importable"))

from dev_system import PATIENCE, ROOT, Dev, copy_of, edit, enterable, read

from airnub_cli.dev.postgresql import find_programs

pytestmark = [pytest.mark.system, pytest.mark.example]


def with_state(state):
    """Processes whose command or environment contains the folder of the state."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            said = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
        except OSError:
            continue
        if str(state).encode() in said and int(place.name) != os.getpid():
            found.append(place.name)
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="what is left is looked for in /proc")
def test_everything_is_there_after_one_command_and_gone_after_one_key(tmp_path):
    """A stage runs; edits are deployed; an error is shown and fixed; afterwards only the results of runs are left."""
    root, state = copy_of(ROOT, tmp_path / "checkout"), tmp_path / "state"
    dev = Dev(root, state, "--sample", "--site-port", "0")
    try:
        api = dev.ready()
        deployment = "project-alpha-ingestion/project-alpha-ingestion"
        run = [sys.executable, "-m", "prefect", "deployment", "run", deployment, "--watch"]
        told = subprocess.run(
            run,
            env=os.environ | {"PREFECT_API_URL": api},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert told.returncode == 0, told.stdout + told.stderr + "".join(dev.lines)
        dev.wait_for("sources: replaced by the environment sample for project_alpha")
        assert "sources:sample" in read(f"{api}/deployments/name/{deployment}")["tags"]

        said = len(dev.lines)
        edit(
            root / "departments/project_alpha/prefect.yaml",
            "Weather of NOAA",
            "All that project_alpha's",
        )
        dev.wait_for(r"5 deployments deployed", said)
        assert read(f"{api}/deployments/name/{deployment}")["description"].startswith("All that project_alpha's")

        said = len(dev.lines)
        edit(root / "configs/variables/project_alpha/ingestion.yaml", "max_bytes: 200MiB", "max_bytes: 100MiB")
        dev.wait_for(r"1 objects applied, deployments are unchanged", said)
        value = read(f"{api}/variables/name/dept_project_alpha_ingestion_config")["value"]
        assert value["network"]["max_bytes"] == "100MiB"

        said = len(dev.lines)
        edit(root / "configs/variables/project_alpha/ingestion.yaml", "max_bytes: 100MiB", "max_byte: 100MiB")
        dev.wait_for(r"ingestion\.yaml:\d+.*max_byte", said)
        dev.wait_for(r"not deployed", said)
        edit(root / "configs/variables/project_alpha/ingestion.yaml", "max_byte: 100MiB", "max_bytes: 100MiB")
        dev.wait_for(r"0 objects applied", said)
    finally:
        status = dev.end()
    assert status == 0, "".join(dev.lines)
    assert with_state(state) == []
    assert not (state / "tmp").exists()
    assert list(state.rglob("*.manifest.json"))


@pytest.fixture
def folder():
    """A folder for the state of `airnub dev`."""
    with enterable() as folder:
        yield folder


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="what is left is looked for in /proc")
def test_the_sample_runs_and_the_next_start_follows_a_kill(folder):
    """Every stage completes once, on PostgreSQL without locks; after SIGKILL no process is left, not even PostgreSQL's;
    and the next start, whose sources are the departments' own, uses the same state.
    """
    has_postgresql = next(find_programs(), None) is not None
    state = folder / "state"
    dev = Dev(ROOT, state, "--sample", "--site-port", "0")
    try:
        dev.wait_for(r"database: PostgreSQL \d+" if has_postgresql else r"database: SQLite")
        api = dev.ready()
        deployment = read(f"{api}/deployments/name/project-alpha-ingestion/project-alpha-ingestion")
        read(f"{api}/deployments/{deployment['id']}/create_flow_run", {})
        until = time.monotonic() + 2 * PATIENCE
        while time.monotonic() < until:
            runs = read(f"{api}/flow_runs/filter", {})
            of_stages = [one for one in runs if one["deployment_id"] and one["state_type"] != "SCHEDULED"]
            if {one["state_type"] for one in of_stages} == {"COMPLETED"} and len(of_stages) >= 3:
                break
            time.sleep(1)
        names = sorted(one["name"].partition("-20")[0] for one in of_stages if "housekeeping" not in one["name"])
        assert names == [
            "project-alpha-analysis",
            "project-alpha-ingestion",
            "project-alpha-processing",
        ], "".join(dev.lines)
        logs = "".join(path.read_text() for path in (state / "prefect" / "logs").iterdir())
        if has_postgresql:
            assert "database is locked" not in logs + "".join(dev.lines)
            assert not (state / "prefect" / "prefect.db").exists()
    finally:
        dev.process.kill()
        dev.process.wait(PATIENCE)
    until = time.monotonic() + PATIENCE
    while (left := with_state(state)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []
    again = Dev(ROOT, state)
    api = again.ready()
    value = read(f"{api}/variables/name/dept_project_alpha_ingestion_config")["value"]
    assert value["scheduled_file_downloads"][0]["urls"][0].startswith("https://")
    assert len(read(f"{api}/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}})) >= 3
    assert again.end() == 0
    assert "sources: each department's own" in "".join(again.lines)
    assert with_state(state) == []
