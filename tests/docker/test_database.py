"""The databases of the system: which containers can connect to them, as which role, with which password."""

import json
import subprocess
import sys
from uuid import uuid4

import pytest
from docker_system import DEPARTMENT, ROOT, System, docker, wait_for

ROLE = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = 'prefect'"


def sql(system, statement, service="postgres", database="prefect"):
    """The result of a query by the superuser."""
    arguments = ("psql", "-U", "postgres", "-d", database, "-Atc", statement)
    return system.compose("exec", "-T", service, *arguments).stdout.strip()


def password(system):
    """The password of Prefect's role, as the server reads it."""
    return system.compose("exec", "-T", "server", "cat", "/run/database/password").stdout


def connects(network, host, port):
    """Whether the container of a run can connect to a port; it is in the network of the runs, as in `_docker.yaml`."""
    code = f"import socket; socket.create_connection(('{host}', {port}), timeout=4)"
    return docker("run", "--rm", "--network", network, DEPARTMENT, "python", "-c", code, check=False).returncode == 0


def test_a_run_reaches_the_server_and_not_its_database(up):
    """Neither by name nor by address."""
    [container] = up.compose("ps", "--quiet", "postgres").stdout.split()
    networks = json.loads(docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container).stdout)
    assert set(networks) == {f"{up.name}_database"}
    assert connects(up.name, "server", 4200)
    assert not connects(up.name, "postgres", 5432)
    assert not connects(up.name, networks[f"{up.name}_database"]["IPAddress"], 5432)


def test_prefects_role_owns_its_database_and_no_more(up):
    """It is not a superuser and cannot create databases or roles; other roles cannot connect to its database."""
    assert sql(up, ROLE) == "f|f|f"
    assert sql(up, "SELECT pg_get_userbyid(datdba), datacl FROM pg_database WHERE datname = 'prefect'") == (
        "prefect|{prefect=CTc/prefect}"
    )


def test_the_password_is_random_and_in_no_environment(up):
    """No container's environment has it; a department's container has none of the server's variables."""
    found = password(up)
    assert len(found) >= 32
    containers = up.compose("ps", "--all", "--quiet").stdout.split()
    assert found not in docker("inspect", *containers).stdout
    [department] = up.compose("ps", "--all", "--quiet", "project-alpha").stdout.split()
    environment = json.loads(docker("inspect", "--format", "{{json .Config.Env}}", department).stdout)
    assert [one for one in environment if "PREFECT_API" in one] == []


def test_a_password_is_rotated(up):
    """The database has a new password, the server uses it, and the old one is rejected."""
    before = password(up)
    command = [sys.executable, "-m", "airnub_cli", "rotate", "database"]
    done = subprocess.run(command, cwd=up.folder, env=up.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert password(up) != before
    assert up.post("/deployments/filter", {})
    for one, code in ((before, 2), (password(up), 0)):
        entered = up.compose(
            "exec", "-T", "-e", f"PGPASSWORD={one}", "postgres",
            "psql", "-h", "postgres", "-U", "prefect", "-d", "prefect", "-c", "SELECT", check=False,
        )  # fmt: skip
        assert entered.returncode == code, entered.stderr


@pytest.fixture
def earlier(images, tmp_path):
    """A system that only has the volume of a database, as earlier versions created it."""
    name = f"airnub-test-{uuid4().hex[:8]}"
    system = System(name, 0, ROOT)
    docker(
        "run", "--detach", "--name", name, "--user", "postgres",
        "--volume", f"{name}_postgres:/var/lib/postgresql/data",
        "--env", "POSTGRES_USER=prefect", "--env", "POSTGRES_PASSWORD=prefect", "--env", "POSTGRES_DB=prefect",
        "postgres:17",
    )  # fmt: skip
    try:
        ready = ("exec", name, "pg_isready", "-h", "127.0.0.1", "-U", "prefect")
        wait_for(lambda: docker(*ready, check=False).returncode == 0, "a database")
        docker(
            "exec", name, "psql", "-U", "prefect", "-d", "prefect", "-c", "CREATE EXTENSION pg_trgm",
            "-c", "CREATE TYPE state AS ENUM ('a')", "-c", "CREATE TABLE run (id serial, state state)",
        )  # fmt: skip
        docker("stop", name)
        yield system
    finally:
        docker("rm", "--force", name, check=False)
        system.compose("down", "--volumes", "--timeout", "20", check=False)
        docker("volume", "rm", "--force", f"{name}_postgres", check=False)


def test_a_database_of_an_earlier_version(earlier):
    """It keeps its password, with a warning; its role owns its objects, and is no longer a superuser."""
    for _ in range(2):
        earlier.compose("up", "--wait", "postgres")
        assert sql(earlier, ROLE) == "f|f|f"
        earlier.compose("restart", "postgres")
    assert "change it: uv run airnub rotate database" in earlier.compose("logs", "postgres").stdout
    owned = "ALTER TABLE run ADD COLUMN more state; ALTER TYPE state ADD VALUE 'b'; DROP TABLE run; DROP TYPE state"
    entered = ("psql", "-h", "postgres", "-U", "prefect", "-d", "prefect", "-v", "ON_ERROR_STOP=1", "-c", owned)
    wait_for(
        lambda: (
            earlier.compose("exec", "-T", "-e", "PGPASSWORD=prefect", "postgres", *entered, check=False).returncode == 0
        ),
        "the role in its database",
    )
