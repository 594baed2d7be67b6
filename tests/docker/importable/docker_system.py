"""Docker commands as in the pages, and a whole system with its own names."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[3]
DEPARTMENT, PREFECT, SETUP = "airnub/project-alpha:local", "airnub/prefect:local", "airnub/setup:local"


PATIENCE = 120


def docker(*arguments, check=True, **options):
    """Run a `docker` command."""
    options.setdefault("cwd", ROOT)
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, **options)
    assert not check or done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done


def wait_for(happened, what, patience=PATIENCE):
    """The first result that is not empty."""
    deadline = time.monotonic() + patience
    while not (found := happened()):
        assert time.monotonic() < deadline, f"expected {what} within {patience} s"
        time.sleep(0.3)
    return found


def clone(folder):
    """Copy the files of this checkout that git tracks or would add, in their current state; no `.env`, no caches."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)


class System:
    """The whole system from a clone, with unique names and a unique port."""

    def __init__(self, name, port, folder):
        self.name, self.url, self.folder = name, f"http://127.0.0.1:{port}/api", folder
        self.ui = f"http://127.0.0.1:{port}"
        self.environment = os.environ | {
            "COMPOSE_PROJECT_NAME": name, "AIRNUB_PORT": str(port),
            "AIRNUB_NETWORK": name, "AIRNUB_DATA_VOLUME": f"{name}-data",
            # The environment of the tests may have one of these.
            "COMPOSE_ENV_FILES": os.devnull,
        }  # fmt: skip

    def compose(self, *arguments, check=True):
        """Run a `docker compose` command on it."""
        return docker("compose", *arguments, check=check, env=self.environment, cwd=self.folder)

    def prefect(self, *arguments, check=True):
        """Run a `prefect` command as its operator does."""
        return self.compose("exec", "-T", "server", "prefect", *arguments, check=check)

    def get(self, path, base=None):
        """The JSON that the API returns."""
        with urllib.request.urlopen(f"{base or self.url}{path}", timeout=30) as answer:
            return json.load(answer)

    def post(self, path, body):
        """The JSON that the API returns to a POST."""
        request = urllib.request.Request(
            f"{self.url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def delete(self, path):
        """Delete an object of the API."""
        request = urllib.request.Request(f"{self.url}{path}", method="DELETE")
        urllib.request.urlopen(request, timeout=30).close()

    def in_setup(self, script):
        """Run a shell script in the image `setup`; returns its exit status and output."""
        done = self.compose("run", "--rm", "-T", "--no-deps", "setup", "sh", "-c", script, check=False)
        return done.returncode, done.stdout + done.stderr

    def deployment(self, name):
        """The id of a deployment."""
        return next(one["id"] for one in self.post("/deployments/filter", {}) if one["name"] == name)

    def start(self, name, **more):
        """Start a run of a deployment; returns its id."""
        return self.post(f"/deployments/{self.deployment(name)}/create_flow_run", more)["id"]

    def completes(self, run):
        """Wait for a run; any state other than Completed is an error with the run's logs."""
        state = self.end_of(run)
        asked = {"logs": {"flow_run_id": {"any_": [run]}, "level": {"ge_": 30}}}
        if state["type"] != "COMPLETED":
            said = "\n".join(line["message"] for line in self.post("/logs/filter", asked))
            raise AssertionError(f"expected Completed, found {state['name']}: {state['message']}\n{said}")

    def completed_by(self, kind):
        """Numbers of completed runs per deployment that `kind` (SCHEDULE, AUTOMATION) started."""
        names = {one["id"]: one["name"] for one in self.post("/deployments/filter", {})}
        return Counter(
            names[run["deployment_id"]]
            for run in self.post("/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}})
            if run["deployment_id"] in names and (run["created_by"] or {}).get("type") == kind
        )

    def state(self, run):
        """The state of a run."""
        return self.get(f"/flow_runs/{run}")["state"]

    def end_of(self, run, patience=PATIENCE):
        """The final state of a run; the server may be down in between."""

        def ended():
            try:
                state = self.state(run)
            except OSError:
                return None
            return state["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} and state

        return wait_for(ended, f"an end of the run {run}", patience)

    def container_of(self, run):
        """The container of a running run; empty if there is none."""
        return docker("ps", "-q", "--filter", f"label=io.prefect.flow-run-id={run}").stdout.strip()

    def containers_of_runs(self):
        """Containers that workers of this system started, including ended ones."""
        found = docker("ps", "--all", "--filter", f"network={self.name}", "--format", "{{.Names}} {{.Labels}}").stdout
        return [line for line in found.splitlines() if "io.prefect.flow-run-id" in line]

    def in_data(self, *command):
        """Run a command of the department on the data of its runs; returns its output."""
        return self.compose("exec", "-T", "site", *command).stdout

    def leftovers(self):
        """Containers, networks and volumes with its name."""
        return [
            line
            for kind in (["ps", "--all"], ["network", "ls"], ["volume", "ls"])
            for line in docker(*kind, "--format", "{{json .}}").stdout.splitlines()
            if self.name in line
        ]
