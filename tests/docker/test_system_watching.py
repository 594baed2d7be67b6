"""A system with metrics, JSON logs, TLS, a private registry, and workers on a second machine."""

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from docker_system import ROOT, docker, wait_for
from third_party import CADDY, REGISTRY, image

CONNECT = """
import asyncio, sys
from prefect.events.clients import get_events_client, get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.events import Event

async def main():
    names = EventFilter(event=EventNameFilter(name=["airnub.through.tls"]))
    async with get_events_subscriber(filter=names) as received:
        async with get_events_client() as sender:
            await sender.emit(Event(event="airnub.through.tls", resource={"prefect.resource.id": "airnub.test"}))
        async for event in received:
            print(event.event)
            return

asyncio.run(asyncio.wait_for(main(), 60))
"""
HASH_OF_HUNTER2 = "$2b$05$rwyta1.HIeQ/FxHMz3B/oeRKmVHhPAKySCk2Mb/9g5I82xby7rYP6"
REGISTRY_CONFIG = """
version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ":5000"}
auth: {htpasswd: {realm: airnub, path: /etc/docker/registry/htpasswd}}
"""
HOST = "airnub.test"
"""The name of this machine for the second one."""
METRICS = """
import sys, urllib.request
for url in sys.argv[1:]:
    print(urllib.request.urlopen(url, timeout=10).read().decode())
"""


@pytest.fixture(scope="module")
def port():
    """A free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def watched(up, port):
    """The system with JSON logs, and with TLS on all addresses of this machine."""
    before = dict(up.environment)
    up.environment |= {
        "AIRNUB_LOG_FORMAT": "json", "CADDY_IMAGE": image(CADDY),
        "AIRNUB_TLS_PORT": str(port), "AIRNUB_TLS_BIND": "0.0.0.0", "AIRNUB_TLS_HOST": f"localhost, {HOST}",
    }  # fmt: skip
    up.compose("--profile", "tls", "up", "--wait", "--no-build")
    yield up
    up.compose("--profile", "tls", "rm", "--force", "--stop", "tls")
    # Without the profile `down --volumes` does not know of it.
    docker("volume", "rm", f"{up.name}_caddy")
    # Later tests find everything as before, except for the format of logs until their next `up`.
    up.environment.clear()
    up.environment |= before


@pytest.fixture(scope="module")
def authority(watched, tmp_path_factory):
    """The certificate of Caddy's CA."""
    file = tmp_path_factory.mktemp("authority") / "root.crt"
    found = "/data/caddy/pki/authorities/local/root.crt"
    wait_for(lambda: watched.compose("cp", f"tls:{found}", str(file), check=False).returncode == 0, "a certificate")
    return file


def test_metrics_of_the_server_and_of_a_worker(watched):
    """As Prometheus reads them, from inside the network; no worker's port is published."""
    urls = ("http://server:4200/api/metrics", "http://worker-project-alpha:9464/metrics")
    ask = ("exec", "-T", "site", "python", "-c", METRICS, *urls)
    wait_for(lambda: "airnub_pool_late_runs{" in watched.compose(*ask).stdout, "late runs, counted once")
    text = watched.compose(*ask).stdout
    assert 'prefect_worker_channel_connections_total{event="opened"}' in text
    assert "process_resident_memory_bytes" in text
    assert 'airnub_worker_runs{pool="project-alpha"} 0.0' in text
    assert re.search(r'airnub_pool_late_runs\{pool="project-alpha"\} \d', text)
    assert re.search(r'airnub_disk_used_ratio\{machine="airnub",path="/"\} 0\.\d+', text)


def test_every_line_of_server_worker_and_run_is_an_object(watched):
    """As Docker's driver wrote it; the object of a failed run contains its traceback."""
    run = watched.start("project-alpha-ingestion", parameters={"sources": ["no_such_source"]})
    container = wait_for(lambda: watched.container_of(run), run)
    followed = docker("logs", "--follow", container, check=False)
    lines = (followed.stdout + followed.stderr).splitlines()
    for service in ("server", "worker-project-alpha"):
        # Compose would add codes for a terminal.
        written = docker("logs", watched.compose("ps", "--quiet", service).stdout.strip())
        lines += (written.stdout + written.stderr).splitlines()
    said = [json.loads(line) for line in lines]
    assert {"time", "level", "logger", "message"} <= set.intersection(*(set(one) for one in said))
    assert any(one.get("flow_run_id") == run and "Traceback" in one.get("traceback", "") for one in said)
    assert any("Check out the dashboard" in one["message"] for one in said)
    assert any(one["logger"] == "prefect.airnub.worker" for one in said)


def test_tls_with_the_ui_the_api_and_websockets(watched, port, authority):
    """The certificate is verified; events are sent and received; metrics are not exposed."""
    trusted = ssl.create_default_context(cafile=str(authority))
    base = f"https://localhost:{port}"
    with urllib.request.urlopen(f"{base}/api/ready", context=trusted, timeout=30) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(f"{base}/", context=trusted, timeout=30) as answer:
        assert "<title>" in answer.read().decode()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{base}/api/metrics", context=trusted, timeout=30)
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{base}/api/ready", timeout=30)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    done = subprocess.run(
        [sys.executable, "-c", CONNECT],
        env=kept | {"PREFECT_API_URL": f"{base}/api", "PREFECT_API_SSL_CERT_FILE": str(authority)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "airnub.through.tls\n", done.stderr


def test_a_second_machine_with_a_worker_only(watched, port, authority):
    """It has the first machine's address and CA. A run starts there, reports, and has no data of the first machine."""
    name = f"{watched.name}-second"
    (watched.folder / "second.yml").write_text(f'services: {{server: {{extra_hosts: ["{HOST}:host-gateway"]}}}}\n')
    environment = watched.environment | {
        "COMPOSE_PROJECT_NAME": name, "COMPOSE_FILE": "docker-compose.workers.yml:second.yml",
        "AIRNUB_MACHINE": "second", "AIRNUB_NETWORK": name, "AIRNUB_DATA_VOLUME": name,
        "AIRNUB_POOL": "project-alpha", "AIRNUB_SERVER": f"https://{HOST}:{port}",
        "AIRNUB_TLS_FOLDER": str(authority.parent), "AIRNUB_CA_FILE": "/certificates/root.crt",
    }  # fmt: skip

    def second(*arguments, check=True):
        return docker("compose", *arguments, check=check, env=environment, cwd=watched.folder)

    watched.compose("stop", "worker-project-alpha")
    try:
        second("up", "--wait", "--no-build")
        # On a different engine, network and volume would have the names in the pool.
        there = {"networks": [name], "volumes": [f"{name}:/data"]}
        run = watched.start("project-alpha-processing", job_variables=there)
        container = wait_for(lambda: watched.container_of(run), run)
        networks = docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container, check=False).stdout
        assert name in networks
        state = watched.end_of(run)
        assert (state["type"], "expected a content store in /data" in state["message"]) == ("FAILED", True), state
        text = second("exec", "-T", "worker", "python", "-c", METRICS, "http://127.0.0.1:9464/metrics").stdout
        assert 'airnub_disk_used_ratio{machine="second",path="/"}' in text
    finally:
        print(second("logs", "--tail", "30", check=False).stdout)  # noqa: T201  # pytest shows it when something failed
        second("down", "--volumes", "--timeout", "20", check=False)
        docker("volume", "rm", name, check=False)
        watched.compose("start", "worker-project-alpha")


@pytest.fixture
def registry(tmp_path):
    """A registry with a password and one image that this engine does not have; returns the image's name."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yml").write_text(REGISTRY_CONFIG)
    (tmp_path / "config" / "htpasswd").write_text(f"airnub:{HASH_OF_HUNTER2}\n")
    started = docker(
        "run", "--detach", "--rm", "--publish", "127.0.0.1::5000", "--volume",
        f"{tmp_path / 'config'}:/etc/docker/registry:ro", image(REGISTRY),
    ).stdout.strip()  # fmt: skip
    try:
        address = docker("port", started, "5000/tcp").stdout.strip()
        name = f"{address}/airnub/private:1"
        (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
        docker("build", "--quiet", "--tag", name, str(tmp_path))
        login = ("--config", str(tmp_path / "login"))
        password = ("--username", "airnub", "--password", "hunter2")
        wait_for(lambda: docker(*login, "login", *password, address, check=False).returncode == 0, "a registry")
        docker(*login, "push", "--quiet", name)
        docker("image", "rm", name)
        yield name
        docker("image", "rm", name, check=False)
    finally:
        docker("kill", started)


def test_an_image_of_a_private_registry(up, registry):
    """Without credentials the run reports that the pull is denied; with the environment's its image is pulled."""
    address = registry.partition("/")[0]
    for path, text in {
        "configs/environments/private.yaml": (
            (ROOT / "configs/environments/sample.yaml").read_text()
            + "registry_credentials: docker-registry-credentials/registry\n"
        ),
        "configs/blocks/registry.yaml": (
            "type: docker-registry-credentials\nname: registry\nenvironments: [private]\n"
            f'fields: {{username: airnub, password: "${{REGISTRY_PASSWORD}}", registry_url: "{address}"}}\n'
        ),
    }.items():
        (up.folder / path).parent.mkdir(exist_ok=True)
        (up.folder / path).write_text(text)
    environment = up.environment | {
        "PREFECT_API_URL": up.url, "AIRNUB_SITE_URL": "http://site:8000", "REGISTRY_PASSWORD": "hunter2"
    }  # fmt: skip

    def apply(name):
        command = [sys.executable, "-m", "airnub_cli", "apply", "--env", name, "--switch"]
        done = subprocess.run(command, cwd=up.folder, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    asked = {"job_variables": {"image": registry}}
    state = up.end_of(up.start("project-alpha-analysis", **asked))
    assert state["type"] == "CRASHED"
    assert re.search("no basic auth credentials|authentication required|unauthorized", state["message"])
    assert docker("image", "inspect", registry, check=False).returncode != 0
    apply("private")
    try:
        # The image has no program to start; the test only checks that it was pulled.
        run = up.start("project-alpha-analysis", **asked)
        wait_for(lambda: docker("image", "inspect", registry, check=False).returncode == 0, "the image")
        up.delete(f"/flow_runs/{run}")
    finally:
        apply("sample")
