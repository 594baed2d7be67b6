"""Fixtures for tests of `airnub apply`: a small repository, a department of any name, and the server of the tests."""

import uuid
from dataclasses import dataclass

import pytest
from backend_files import POOL, ZOMBIES
from prefect.settings import PREFECT_API_URL, temporary_settings

from airnub_cli.apply.desired_state import compare, read_desired_state, send
from airnub_cli.prefect_api import prefect_server
from airnub_prefect.department import Department, Stage
from airnub_prefect.embedded.server import EmbeddedServer
from airnub_prefect.settings import StageSettings


@dataclass(frozen=True)
class KnownStage(Stage):
    """A stage whose settings are defined here, and not imported."""

    kind: type[StageSettings] = StageSettings

    def load_settings(self):
        return self.kind


@dataclass
class Repository:
    """A small repository, whose objects have names that no other test uses."""

    root: object
    unique: str

    @property
    def department(self):
        return f"shop_{self.unique}"

    @property
    def pool(self):
        return f"shop-{self.unique}"

    def write(self, path, text):
        """Write a file, by its path in the repository."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def settings(self):
        """The model of the only stage."""

        class Settings(StageSettings, department=self.department, stage="ingestion"):
            store: str
            depth: int = 1
            options: dict[str, int] = {}

        return Settings

    def find_department(self, name):
        """Return the department of this repository; any other is an ImportError."""
        if name != self.department:
            raise ImportError(f"No module named {name!r}")
        return Department(name, (KnownStage("ingestion", "", "", self.settings()),), "", "")

    def wanted(self, environment="local", *, pool_type=None, values=None):
        """The desired state of this repository."""
        return read_desired_state(
            self.root, environment, pool_type=pool_type, values=values or {}, find_department=self.find_department
        )

    def apply(self, environment="local", **more):
        """Apply the repository to the server; return the changes."""
        with prefect_server() as server:
            changes = compare(server, self.wanted(environment, **more))
            send(changes)
            return {(change.kind, change.name): change for change in changes}

    def actions(self, environment="local", **more):
        """The actions of the changes, by kind and name."""
        return {name: change.action.value for (_, name), change in self.apply(environment, **more).items()}


@pytest.fixture
def repository(tmp_path):
    """A repository without files."""
    return Repository(tmp_path, uuid.uuid4().hex[:10])


@pytest.fixture
def filled_repository(repository):
    """A repository with a file of each kind."""
    unique = repository.unique
    repository.write(f"infra/work-pools/{repository.pool}.yaml", POOL.format(name=repository.pool))
    repository.write(f"configs/variables/{repository.department}/ingestion.yaml", "store: data\noptions: {a: 1}\n")
    repository.write(
        f"configs/blocks/token-{unique}.yaml", f"type: secret\nname: token-{unique}\nfields: {{value: '${{TOKEN}}'}}\n"
    )
    repository.write(f"configs/automations/zombies-{unique}.yaml", ZOMBIES.format(name=f"zombies-{unique}", within=90))
    return repository


@pytest.fixture
def server(prefect_api):
    """The API of the server of the tests."""
    with prefect_server() as running:
        yield running


@pytest.fixture(scope="session")
def own_server_url(prefect_api, tmp_path_factory):
    """The URL of a server for this test process only, since the environment mark belongs to a server as a whole."""
    running = EmbeddedServer(home=tmp_path_factory.mktemp("prefect"))
    running.start()
    try:
        running.wait_until_ready()
        yield running.url
    finally:
        running.stop()


@pytest.fixture
def empty_server(own_server_url):
    """The API of `own_server_url` without Variables and deployments, which commands of this process use."""
    with temporary_settings({PREFECT_API_URL: own_server_url}), prefect_server() as running:
        for one in running.all("/variables/filter"):
            running.delete(f"/variables/name/{one['name']}")
        for one in running.all("/deployments/filter"):
            running.delete(f"/deployments/{one['id']}")
        yield running
