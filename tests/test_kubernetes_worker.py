"""The worker of Kubernetes pools as in its image, with the settings and permissions of `infra/kubernetes/`.

There is no cluster: the Kubernetes API is a mock. The worker's requests, the created objects, and its handling of ended
pods are real.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import kubernetes_validate
import pytest
import yaml

from airnub_cli import kubernetes
from airnub_cli.apply.desired_state import read_desired_state
from airnub_cli.configuration.pools import base_job_template
from airnub_cli.workspace import Workspace

sys.path.insert(0, str(Path(__file__).parent / "importable"))
from paper_cluster import LOGGED, PaperCluster, serving

pytestmark = [pytest.mark.system, pytest.mark.example]

ROOT = Path(__file__).parents[1]
PATIENCE = 120
IMAGE = "registry.example.org/airnub/project-alpha:1"
PASSWORD = "somebody:not-for-manifests"
RUN = "uv run --quiet --frozen --no-dev --package airnub-prefect --extra worker --extra kubernetes"


class Here:
    """A pool, its worker, and the mock cluster that the worker uses."""

    def __init__(self, client, cluster, pool, log):
        self.client, self.cluster, self.pool, self.log = client, cluster, pool, log
        self.worker = None

    def ask(self):
        """Create a run; returns its id when it has a job."""
        name = f"flow-{uuid4().hex[:8]}"
        deployment = self.client.create_deployment(
            self.client.create_flow_from_name(name), name, work_pool_name=self.pool, entrypoint="nobody.runs.it",
            pull_steps=[], job_variables={"image": IMAGE}, parameter_openapi_schema={"type": "object"},
        )  # fmt: skip
        run = self.client.create_flow_run_from_deployment(deployment).id
        self.wait(lambda: self.cluster.job_of(run))
        return run

    def state(self, run):
        """The name of a run's state."""
        return self.client.read_flow_run(run).state.name

    def set(self, run, state):
        """Set the state of a run, as its engine or a user in the UI would."""
        self.client.set_flow_run_state(run, state, force=True)

    def wait(self, happened):
        """Wait for a condition; a failure contains the worker's output."""
        deadline = time.monotonic() + PATIENCE
        while not (found := happened()):
            if time.monotonic() > deadline or self.worker.poll() is not None:
                pytest.fail(f"{self.cluster.used} {self.cluster.denied}\n{self.log.read_text()}")
            time.sleep(0.1)
        return found


@pytest.fixture
def manifests():
    """Objects of the environment `cluster`, by kind and name."""
    text = kubernetes.manifests(Workspace.around(ROOT), "cluster", {}, digest=lambda *_: "0123456789abcdef")
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text)}


@pytest.fixture
def here(prefect_api, manifests, tmp_path):
    """The worker has started to watch pods."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    [template] = [
        base_job_template(one.type, one.job_variables, one.job_manifest)
        for one in read_desired_state(ROOT, "cluster", values={}).pools
        if one.name == "project-alpha"
    ]
    pool = f"paper-{uuid4().hex[:8]}"
    cluster = PaperCluster("airnub", manifests["Role", "airnub-worker"]["rules"])
    with serving(cluster) as url, get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=pool, type="kubernetes", base_job_template=template))
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(_kubeconfig(url)))
        found = Here(client, cluster, pool, tmp_path / "worker.log")
        [container] = manifests["Deployment", "worker-project-alpha"]["spec"]["template"]["spec"]["containers"]
        arguments = [one.replace("project-alpha", pool) for one in container["args"]]
        with found.log.open("w") as log:
            found.worker = subprocess.Popen(
                [*RUN.split(), *arguments], env=_settings(container, pool, prefect_api, tmp_path), cwd=ROOT, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            watching = {("batch", "jobs", "watch"), ("", "pods", "watch")}
            found.wait(lambda: watching <= cluster.used)
            yield found
        finally:
            if found.worker.poll() is None:
                os.killpg(found.worker.pid, signal.SIGKILL)
                found.worker.wait()
            client.delete_work_pool(pool)


def _settings(container, pool, api, folder):
    """The environment of the container: its own, its Secret's, and the pod's defaults."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "VIRTUAL_ENV"))}
    own = {one["name"]: one["value"].replace("project-alpha", pool) for one in container["env"] if "value" in one}
    return inherited | own | {
        "PREFECT_API_URL": api, "PREFECT_API_AUTH_STRING": PASSWORD,
        "PREFECT_HOME": str(folder / "prefect"), "PREFECT_WORKER_WEBSERVER_PORT": "0",
        "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1", "PREFECT_LOGGING_LEVEL": "INFO", "DO_NOT_TRACK": "1",
        "KUBECONFIG": str(folder / "kubeconfig"), "UV_PROJECT_ENVIRONMENT": str(folder / "environment"),
    }  # fmt: skip


def _kubeconfig(url):
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "paper",
        "clusters": [{"name": "paper", "cluster": {"server": url}}],
        "users": [{"name": "worker", "user": {"token": "a-token"}}],
        "contexts": [{"name": "paper", "context": {"cluster": "paper", "user": "worker", "namespace": "airnub"}}],
    }  # fmt: skip


def test_a_worker_and_its_rights(here):
    """It creates valid jobs without the password, and handles dying pods and deleted jobs.

    It needs only the permissions of the Role, and stops on a signal. This is one test, since each step depends on the
    earlier ones.
    """
    from prefect.states import Running

    # It is killed before its first log line: the worker waits half a minute for a new job of the run.
    silent = here.ask()
    here.wait(lambda: here.state(silent) == "InfrastructurePending")
    job = here.cluster.job_of(silent)
    here.cluster.fail(silent)

    text = yaml.safe_dump(job)
    assert PASSWORD not in text
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    environment = {one["name"]: one for one in container["env"]}
    assert environment["PREFECT_API_AUTH_STRING"]["valueFrom"]["secretKeyRef"] == {
        "name": "airnub-api", "key": "PREFECT_API_AUTH_STRING"
    }  # fmt: skip
    for name in ("completions", "parallelism"):  # as in test_kubernetes.py
        del job["spec"]["template"]["spec"][name]
    kubernetes_validate.validate(job, "1.34", strict=True)

    killed, lost = here.ask(), here.ask()
    for run in (killed, lost):
        here.set(run, Running())
    here.cluster.fail(killed)
    here.wait(lambda: here.state(killed) == "Crashed")
    here.cluster.delete(here.cluster.job_of(lost)["metadata"]["name"])
    here.wait(lambda: here.state(lost) == "Crashed")
    here.wait(lambda: here.state(silent) == "Crashed")
    here.wait(lambda: any(LOGGED in line for line in _logs(here.client, silent)))  # sent in batches

    assert here.cluster.denied == []
    # Only the job of a run that is cancelled while its pod is pending is deleted; this test has none.
    assert sorted(here.cluster.used) == [
        ("", "pods", "list"), ("", "pods", "watch"), ("", "pods/log", "get"),
        ("batch", "jobs", "create"), ("batch", "jobs", "get"), ("batch", "jobs", "list"), ("batch", "jobs", "watch"),
    ]  # fmt: skip

    os.killpg(here.worker.pid, signal.SIGTERM)
    assert here.worker.wait(60) == 0, here.log.read_text()


def _logs(client, run):
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

    found = client.read_logs(log_filter=LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run])))
    return [one.message for one in found]
