"""docker-compose.yml, without Docker: it has the services of every department, and every setting is documented."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from prefect.settings.models.server.services import ServerServicesDBVacuumSettings

from airnub_cli.dev.services import Services
from airnub_cli.dev.state import StateFolder
from airnub_cli.images.image import PREFECT, bases, images
from airnub_cli.workspace import Workspace

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
IMAGES = images(Workspace.around(ROOT))
DEPARTMENTS = [image for image in IMAGES.values() if image.department]


@pytest.mark.parametrize("image", DEPARTMENTS, ids=lambda image: image.name)
def test_a_department_has_its_image_and_its_worker(image):
    """The image is built as `airnub images` builds it; the worker waits for it, and polls the department's pool."""
    service = SERVICES[image.name]
    assert service["image"] == f"airnub/{image.name}:local"
    assert (service["build"]["dockerfile"], service["build"]["target"]) == (image.dockerfile, image.target)
    assert service["build"]["args"]["DEPARTMENT"] == image.arguments["DEPARTMENT"]
    worker = SERVICES[f"worker-{image.name}"]
    assert worker["depends_on"][image.name] == {"condition": "service_completed_successfully"}
    assert {"setup", "server"} < set(worker["depends_on"])
    assert worker["command"][-2:] == ["--pool", image.name]


def test_only_departments_have_workers():
    """Services of a removed department are gone."""
    workers = {name.removeprefix("worker-") for name in SERVICES if name.startswith("worker-")}
    assert workers == {image.name for image in DEPARTMENTS}


def test_the_server_is_built_as_the_command_builds_it():
    """Both use the same Dockerfile."""
    build = SERVICES["server"]["build"]
    assert (build["dockerfile"], build["target"]) == (IMAGES[PREFECT].dockerfile, IMAGES[PREFECT].target)


def test_base_images_are_those_of_the_dockerfile():
    """Builds by Compose and by `airnub images` use the same base images."""
    workspace = Workspace.around(ROOT)
    for name, reference in bases(workspace, IMAGES[PREFECT], {}).items():
        assert f"{name}: ${{{name}:-{reference}}}" in TEXT


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded(name):
    """It has limits of memory, processors, processes and logs; it is restarted, or is a one-shot service."""
    service = SERVICES[name]
    assert service["mem_limit"]
    # A machine with one processor rejects a higher limit.
    assert 0 < service["cpus"] <= 1
    assert 0 < service["pids_limit"] <= 4096
    assert service["logging"]["options"]["max-size"]
    assert service["restart"] in {"unless-stopped", "no"}
    assert ("healthcheck" in service) == (service["restart"] != "no")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_little(name):
    """It has a read-only root file system and only required capabilities, and cannot gain privileges."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def test_only_workers_have_the_socket():
    """Access to the socket equals root access to the host."""
    having = {name for name, service in SERVICES.items() if "docker.sock" in str(service.get("volumes"))}
    assert having == {f"worker-{image.name}" for image in DEPARTMENTS}


def test_the_database_is_in_a_network_of_its_own():
    """Only the server shares it, and it is internal. All other services, and an index, are in the network of runs."""
    networks = yaml.safe_load(TEXT)["networks"]
    assert networks["database"] == {"internal": True}
    joined = {name: service["networks"] for name, service in SERVICES.items() if "networks" in service}
    assert joined == {"postgres": ["database"], "server": ["default", "database"]}
    assert SERVICES["index"]["profiles"] == ["index"]


def test_passwords_are_where_they_are_needed():
    """A department's container has no password; the server reads the database's from a file."""
    for image in DEPARTMENTS:
        assert "environment" not in SERVICES[image.name]
    having = {name for name, service in SERVICES.items() if "${AIRNUB_AUTH:-}" in str(service.get("environment"))}
    assert having == {"server", "setup", *(f"worker-{image.name}" for image in DEPARTMENTS)}
    given = {name for name, service in SERVICES.items() if "${POSTGRES_PASSWORD:-}" in str(service)}
    assert given == {"postgres"}
    assert SERVICES["setup"]["environment"]["POSTGRES_PASSWORD"] == ""
    reading = {name for name, service in SERVICES.items() if "database-password:" in str(service.get("volumes"))}
    assert reading == {"postgres", "server"}


def test_what_is_set_up_is_one_environment():
    """The environment that is applied is deployed: the server's, or `sample` for a new server, which has a site."""
    setup = SERVICES["setup"]
    assert setup["environment"]["AIRNUB_ENV"] == "${AIRNUB_ENV:-}"
    script = setup["command"][-1]
    assert "airnub apply --default sample --environment-file /tmp/environment\n" in script
    assert '--env "$$(cat /tmp/environment)"' in script
    assert script.count("--env ") == 1
    assert "--prefect-file" in script
    host, _, port = setup["environment"]["AIRNUB_SITE_URL"].removeprefix("http://").partition(":")
    assert SERVICES[host]["command"][-2:] == ["0.0.0.0", port]


def test_every_setting_is_explained_with_the_value_that_holds_without_it():
    """`.env.example` and docker-compose.yml have the same settings and defaults."""
    example = (ROOT / ".env.example").read_text()
    explained = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", example, re.MULTILINE))
    # `$$` starts a variable of the shell, not of `.env`.
    used = dict(re.findall(r"(?<!\$)\$\{([A-Z_]+):-((?:[^{}]|\$\{[^}]*\})*)\}", TEXT))
    used |= dict(re.findall(r"(?<!\$)\$\{([A-Z_]+):-([^${}]*)\}", TEXT))
    assert {name for name in explained if not name.startswith("AIRNUB_SECRET_")} == set(used)
    for name, value in used.items():
        assert explained[name] == value.replace("${AIRNUB_PORT:-4200}", "4200"), name


def container_of(name):
    """Memory limit and environment of a container in infra/kubernetes/, without values from Secrets and fields."""
    documents = yaml.safe_load_all((ROOT / "infra" / "kubernetes" / f"{name}.yaml").read_text())
    deployment = next(document for document in documents if document["kind"] == "Deployment")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    environment = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    return container["resources"]["limits"]["memory"], environment


OF_COMPOSE = {"PREFECT_UI_API_URL", "PREFECT_UI_STATIC_DIRECTORY", "PREFECT_WORKER_WEBSERVER_HOST"}
"""Settings that depend on the network and the file system of the container."""


@pytest.mark.parametrize(("name", "service"), [("server", SERVICES["server"]), ("worker", COMPOSE["x-worker"])])
def test_services_have_the_same_settings_in_compose_and_on_kubernetes(name, service):
    """The same memory limit and the same value of each setting; those of clients, workers and services are in both."""
    memory, environment = container_of(name)
    assert f"{service['mem_limit']}i" == memory.lower()
    common = set(environment) & set(service["environment"]) - OF_COMPOSE
    shared = ("PREFECT_CLIENT_", "PREFECT_WORKER_", "PREFECT_SERVER_SERVICES_")
    assert {one for one in service["environment"] if one.startswith(shared)} - OF_COMPOSE <= common
    assert {one: str(service["environment"][one]) for one in common} == {one: environment[one] for one in common}


def test_runs_are_kept_for_ninety_days_wherever_the_server_runs(tmp_path, monkeypatch):
    """In Compose, on Kubernetes and in `airnub dev`; Prefect's default never deletes them."""
    expected = {"ENABLED": "events,flow_runs", "RETENTION_PERIOD": "P90D"}
    prefix = "PREFECT_SERVER_SERVICES_DB_VACUUM_"
    compose = SERVICES["server"]["environment"]
    _, manifest = container_of("server")
    dev = Services(ROOT, StateFolder(tmp_path), port=4321, drain_seconds=3).server(3).environment
    for environment in (compose, manifest, dev):
        found = {name: str(environment[f"{prefix}{name}"]) for name in expected}
        assert {name: value.replace("${AIRNUB_RETENTION_DAYS:-90}", "90") for name, value in found.items()} == expected
    for name in expected:
        monkeypatch.setenv(f"{prefix}{name}", dev[f"{prefix}{name}"])
    vacuum = ServerServicesDBVacuumSettings()
    assert vacuum.enabled_vacuum_types == {"events", "flow_runs", "orphans"}
    assert vacuum.retention_period == timedelta(days=90)


@pytest.mark.example
def test_a_second_machine_has_a_worker_and_a_way_to_the_server():
    """It has no other service; its page documents every setting that only this file has."""
    text = (ROOT / "docker-compose.workers.yml").read_text()
    services = yaml.safe_load(re.sub("!(reset|override)", "", text))["services"]
    assert set(services) == {"server", "worker"}
    for service in services.values():
        assert service["extends"]["file"] == "docker-compose.yml"
        assert service["extends"]["service"] in SERVICES
    own = set(re.findall(r"\$\{([A-Z_]+)", text)) - set(re.findall(r"\$\{([A-Z_]+)", TEXT))
    page = (ROOT / "docs" / "second-machine.md").read_text()
    assert sorted(name for name in own if name not in page) == []


@pytest.mark.parametrize("name", ["Caddyfile", "forward.Caddyfile"])
def test_caddy_runs_as_the_service_says(name):
    """Files in the commands exist, and the health check's URL exists in both configurations."""
    text = (ROOT / "infra" / "caddy" / name).read_text()
    tls = SERVICES["tls"]
    assert f"http://{tls['healthcheck']['test'][-1].removeprefix('http://').strip('/')} {{" in text
    assert tls["ports"][0].endswith(":8443")
    assert "https_port 8443" in text or "auto_https off" in text
