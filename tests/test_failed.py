"""The commands of docs/failed.md, on a checkout whose ingestion has a dead link."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from airnub_core.sample_site import Reply, SampleSite

pytest.importorskip("project_alpha", reason="the example department was taken out")

from project_alpha.demo import DEMO

sys.path.insert(0, str(Path(__file__).parent / "importable"))

from dev_system import PATIENCE, ROOT, copy_of, edit

pytestmark = pytest.mark.system

PAGE = (ROOT / "docs" / "failed.md").read_text()
INGESTION = """\
store: data/project_alpha
network: {allow_private_hosts: true, attempts: 1}
scheduled_file_downloads:
  - {name: noaa_daily_weather, urls: [SITE/weather/new_york.csv, SITE/late.csv]}
  - {name: usgs_earthquakes, urls: [SITE/quakes.jsonl]}
"""


def commands(heading):
    """The commands below a heading of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]


@pytest.fixture
def typed(tmp_path, prefect_api):
    """Run a command of the page in the checkout; returns its status and output.

    One server for all of them: that a command starts its own is tested elsewhere, and takes half of its time.
    """
    root = copy_of(ROOT, tmp_path / "checkout")
    edit(
        root / "departments/project_alpha/src/project_alpha/datasets.py",
        "    parquet_copy=False,\n)",
        "    parquet_copy=False,\n    requires_complete=True,\n)",
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "AIRNUB"))}
    environment |= {
        "PYTHONPATH": os.pathsep.join(map(str, sorted(root.glob("*/*/src")))),
        "PREFECT_HOME": str(tmp_path / "home"),
        "AIRNUB_DATA_ROOT": str(tmp_path / "data"),
        "PREFECT_API_URL": prefect_api,
    }
    with SampleSite(DEMO.routes(with_failure=False)) as site:
        (root / "configs/variables/project_alpha/ingestion.yaml").write_text(
            INGESTION.replace("SITE", site.url("/").rstrip("/"))
        )

        def run(line):
            uv, run, command, *words = shlex.split(line)
            assert (uv, run, command) == ("uv", "run", "project-alpha"), line
            ended = subprocess.run(
                [sys.executable, "-m", "project_alpha", *words],
                cwd=root, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
            )  # fmt: skip
            return ended.returncode, ended.stdout + ended.stderr

        run.site = site
        yield run


def test_what_failed_is_seen_and_run_again(typed):
    """A late file and a broken one: listed, accepted once, fetched alone, and complete at the end."""
    assert typed("uv run project-alpha run ingestion")[0] == 1
    status, said = typed("uv run project-alpha run processing --source noaa_daily_weather")
    assert status == 0
    assert "skipped, since it requires complete sources: 1 item of noaa_daily_weather failed" in said
    [see] = commands("See what failed")
    status, said = typed(see)
    assert status == 0
    assert said.count("404 Not Found") == 3, "two items, and the dataset that was skipped"
    [accept] = commands("Datasets that require complete sources")
    status, said = typed(accept)
    assert "noaa_daily_weather" in said
    [ingest, process] = commands("Retry failed items")
    weather = typed.site.routes["/weather/seattle.csv"]
    typed.site.routes |= {"/late.csv": weather, "/quakes.jsonl": Reply(b"{}\n")}
    typed.site.asked.clear()
    status, said = typed(ingest)
    assert status == 0, said
    assert {one.path for one in typed.site.asked} == {"/late.csv", "/quakes.jsonl"}
    status, said = typed(process)
    assert "usgs_earthquakes" in said
    assert "noaa_daily_weather" not in said, "it was made when it was accepted"
    for line in commands("Run one source"):
        status, said = typed(line)
        assert status == 0, said
        assert "usgs" not in said
