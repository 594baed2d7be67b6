"""Stages that are triggered by events, on a real server with its worker: dead links, lost and duplicate events."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

sys.path.insert(0, str(Path(__file__).parent / "importable"))

from dev_system import ENDED, PATIENCE, ROOT, Dev, copy_of, edit, enterable, read, run_deployment

from airnub_data import Location
from airnub_data.table import Table

pytestmark = [pytest.mark.system, pytest.mark.example]

SAMPLE = "configs/environments/sample.yaml"
DEPLOYMENTS = "departments/project_alpha/prefect.yaml"
API = "url: ${AIRNUB_SITE_URL:-http://127.0.0.1:8000}/fdsnws/event/1/query"
LINK = "            - ${AIRNUB_SITE_URL:-http://127.0.0.1:8000}/weather/seattle.csv\n"
DATASETS = ("noaa_daily_weather", "usgs_earthquakes", "usgs_earthquake_feeds")


class System:
    """A checkout with project_alpha's sample and `airnub dev`, and the server's records of its runs."""

    def __init__(self, folder):
        self.root, self.state = copy_of(ROOT, folder / "checkout"), folder / "state"
        # An API that responds 410, and a source with one dead link among others.
        edit(self.root / SAMPLE, API, API.replace("query", "gone"))
        edit(self.root / SAMPLE, LINK, LINK + LINK.replace("seattle", "gone"))
        edit(
            self.root / "departments/project_alpha/src/project_alpha/datasets.py",
            "parquet_copy=False, on_new_column",
            "requires_complete=True, parquet_copy=False, on_new_column",
        )
        self.dev = Dev(self.root, self.state, "--sample", "--site-port", "0")

    def start(self):
        """Wait until everything is deployed."""
        self.api = self.dev.ready()

    def runs(self, stage):
        """The ended runs of a stage's deployment, oldest first: state, what started it, id."""
        deployment = read(f"{self.api}/deployments/name/project-alpha-{stage}/project-alpha-{stage}")["id"]
        found = read(
            f"{self.api}/flow_runs/filter",
            {"flow_runs": {"deployment_id": {"any_": [deployment]}}, "sort": "EXPECTED_START_TIME_ASC"},
        )
        return [one for one in found if one["state_type"] in ENDED]

    def wait_for(self, stage, number, by=None):
        """The runs of a stage, once `number` of them were started by `AUTOMATION` or `SCHEDULE`."""
        until = time.monotonic() + 2 * PATIENCE
        while time.monotonic() < until:
            found = [one for one in self.runs(stage) if by is None or one["created_by"]["type"] == by]
            if len(found) >= number:
                return found
            time.sleep(0.5)
        raise AssertionError(f"expected {number} runs of {stage}, found {found}: {''.join(self.dev.lines)}")

    def quiet(self):
        """Wait until no run of processing or analysis is scheduled or running."""
        until = time.monotonic() + 2 * PATIENCE
        asked = {"flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}}
        late = {"flow_runs": {"state": {"name": {"any_": ["Late", "AwaitingConcurrencySlot"]}}}}
        while read(f"{self.api}/flow_runs/filter", asked) or read(f"{self.api}/flow_runs/filter", late):
            assert time.monotonic() < until, "runs do not end"
            time.sleep(0.5)

    def ingest(self, *options):
        """Run the ingestion's deployment to its end, with options by the command of docs/failed.md; returns the run."""
        name = "project-alpha-ingestion/project-alpha-ingestion"
        if not options:
            return run_deployment(self.api, name)
        command = [sys.executable, "-m", "prefect", "deployment", "run", name, *options, "--watch"]
        environment = os.environ | {"PREFECT_API_URL": self.api}
        subprocess.run(command, env=environment, capture_output=True, timeout=2 * PATIENCE, check=False)
        return self.runs("ingestion")[-1]

    def versions(self):
        """The version of each dataset, `None` for one without a table."""
        location = Location(self.state / "datasets/project_alpha")
        tables = {name: Table.open(location, name) for name in DATASETS}
        return {name: None if table is None else table.version for name, table in tables.items()}

    def table(self, run):
        """The outcome of each item of a run, from the table artifact."""
        asked = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}}
        [found] = [one for one in read(f"{self.api}/artifacts/filter", asked) if (one["key"] or "").endswith("-items")]
        rows = [(row["source"], row["outcome"]) for row in json.loads(found["data"])]
        return dict(rows) if len(dict(rows)) == len(rows) else sorted(rows)

    def events(self, name):
        """Events with a name, newest first."""
        return read(f"{self.api}/events/filter", {"filter": {"event": {"name": [name]}}})["events"]


@pytest.fixture
def system():
    """A running system, which is ended afterwards; its database is PostgreSQL, if this machine has it."""
    with enterable() as folder:
        running = System(folder)
        try:
            running.start()
            yield running
        finally:
            assert running.dev.end() == 0, "".join(running.dev.lines)


def test_what_can_be_made_is_made_whatever_fails_or_is_lost(system, tmp_path):
    """A dead link stops only datasets that require all items; lost and duplicate events do no harm."""
    ingestion = system.ingest()
    assert ingestion["state_type"] == "FAILED"
    processing = system.wait_for("processing", 1, "AUTOMATION")[0]
    assert processing["state_type"] == "COMPLETED", processing
    assert system.table(processing) == {
        "noaa_daily_weather": "stored",
        "usgs_earthquakes": "skipped",
        "usgs_earthquake_feeds": "stored",
    }
    analysis = system.wait_for("analysis", 1, "AUTOMATION")[0]
    assert analysis["state_type"] == "COMPLETED", analysis
    assert list((system.state / "reports/project_alpha").rglob("report.md"))
    [ended] = system.events("airnub.ingestion.ended")
    assert ended["resource"] == {
        "prefect.resource.id": "airnub.ingestion.project_alpha",
        "airnub.within": "stage",
    }
    assert ended["payload"]["new"] == ["noaa_daily_weather", "usgs_earthquake_feeds"]
    assert ended["payload"]["failed"] == {"noaa_daily_weather": 1, "usgs_earthquakes": 1}
    assert set(ended["payload"]["behind"]) == {"noaa_daily_weather", "usgs_earthquake_feeds"}
    made = system.versions()
    assert made == {"noaa_daily_weather": 0, "usgs_earthquakes": None, "usgs_earthquake_feeds": 0}

    # docs/failed.md: run only the failed items, and only one source.
    again = system.ingest("--param", "failed=true")
    assert system.table(again) == {"noaa_daily_weather": "failed", "usgs_earthquakes": "failed"}
    again = system.ingest("--param", 'sources=["noaa_daily_weather"]')
    weather = [("noaa_daily_weather", outcome) for outcome in ("failed", "unchanged", "unchanged")]
    assert system.table(again) == weather

    # The same event twice: processing runs twice and changes nothing, so analysis gets no event.
    system.wait_for("processing", 3)
    system.quiet()
    before, analyses = len(system.runs("processing")), len(system.runs("analysis"))
    emit_again(system.api, ended, 2)
    for run in system.wait_for("processing", before + 2)[before:]:
        assert run["state_type"] == "COMPLETED"
        assert set(system.table(run).values()) == {"unchanged", "skipped"}
    system.quiet()
    assert system.versions() == made
    assert len(system.runs("analysis")) == analyses

    # The source is repaired. An ingestion on a different server sends an event that triggers nothing here.
    settings = read(f"{system.api}/variables/name/dept_project_alpha_ingestion_config")["value"]
    [weather] = settings["scheduled_file_downloads"]
    weather["urls"] = [url for url in weather["urls"] if "gone" not in url]
    [api] = settings["public_api_data"]
    api["url"] = api["url"].replace("gone", "query")
    (tmp_path / "mended.yaml").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "project_alpha", "run", "ingestion", "--config", str(tmp_path / "mended.yaml")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    environment |= {"PREFECT_HOME": str(tmp_path / "home"), "AIRNUB_DATA_ROOT": str(system.state)}
    lost = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=2 * PATIENCE, check=False
    )
    assert lost.returncode == 0, lost.stdout + lost.stderr
    assert len(system.events("airnub.ingestion.ended")) == 5
    assert system.versions() == made

    # The daily run, which is due now.
    edit(system.root / DEPLOYMENTS, 'cron: "47 6 * * *"', 'cron: "* * * * *"')
    scheduled = system.wait_for("processing", 1, "SCHEDULE")[0]
    assert scheduled["state_type"] == "COMPLETED"
    assert system.table(scheduled)["usgs_earthquakes"] == "stored"
    assert system.versions() == made | {"usgs_earthquakes": 0}
    assert len(system.runs("analysis")) == analyses, "it does not read this dataset"


def emit_again(api, event, times):
    """Send an event again, as a client that retries does; by the API, since a process would import Prefect for that."""
    for _ in range(times):
        one = {"id": str(uuid4()), "occurred": datetime.now(UTC).isoformat()}
        one |= {key: event[key] for key in ("event", "resource", "payload")}
        request = urllib.request.Request(
            f"{api}/events", json.dumps([one]).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            assert answer.status == 204
