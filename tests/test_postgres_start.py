"""The start script of PostgreSQL in docker-compose.yml, with real programs, killed at each step."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml
from real_servers import postgres_binaries

ROOT = Path(__file__).parents[1]
SCRIPT = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["postgres"]["command"][-1]
PLACE = "/var/lib/postgresql"

pytestmark = pytest.mark.system


class Start:
    """The volumes of the service as folders, and its script, whose last step prints `started`."""

    def __init__(self, folder, binaries):
        self.folder, self.binaries = folder, binaries
        self.password = folder / "volume" / "password"
        self.user = {"user": "nobody", "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        for name in ("volume", "data", "programs"):
            (folder / name).mkdir()
            (folder / name).chmod(0o755 if name == "programs" else 0o700)
        self.program("postgres", "echo started")
        self.give()

    def program(self, name, text):
        """A wrapper that is found before PostgreSQL's program; its parent is the script."""
        path = self.folder / "programs" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def killed_in(self, name, text):
        """Start the script, and kill it when it first calls a program."""
        path = self.program(name, text.replace("REAL", str(self.binaries / name)))
        assert self.run().returncode == -9
        path.unlink()
        self.stop()

    def stop(self):
        """End the processes that a killed script left."""
        command = [self.binaries / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, check=False, timeout=60, **quiet, **self.user)

    def run(self, password=""):
        """Start the script with the values of `.env`."""
        script = SCRIPT.replace("$$", "$").replace(PLACE, str(self.folder / "volume"))
        # Debian's folder for the socket does not exist on every machine.
        options = f"listen_addresses='' -k {self.folder} -c fsync=off"
        script = script.replace("initdb --", "initdb --no-sync --").replace("listen_addresses=''", options)
        environment = {
            "PATH": f"{self.folder / 'programs'}:{self.binaries}:/usr/bin:/bin", "PGDATA": str(self.folder / "data"),
            "PGHOST": str(self.folder), "ROLE": "prefect", "ROLE_PASSWORD": password, "LC_ALL": "C",
        }  # fmt: skip
        self.give()
        # Files, since processes that a killed script started would keep pipes open.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run(
                ["sh", "-c", script], cwd=self.folder, env=environment, stdout=out, stderr=err, check=False,
                timeout=120, **self.user,
            )  # fmt: skip
            for stream in (out, err):
                stream.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, out.read(), err.read())

    def give(self):
        """Change the owner of the volumes to PostgreSQL's user."""
        if self.user:
            for path in (self.folder, *(self.folder / name for name in ("volume", "data"))):
                shutil.chown(path, "nobody", 65534)

    def sql(self, statement, *, role="postgres", password=""):
        """The result of a query as a role; a role with a password connects over TCP as the server does."""
        auth = "trust" if not password else "scram-sha-256"
        hba = self.folder / "hba"
        hba.write_text(f"local all all {auth}\n")
        options = f"-c listen_addresses='' -k {self.folder} -c hba_file={hba}"
        control = [self.binaries / "pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "data" / "log"]
        subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, **self.user)
        try:
            done = subprocess.run(
                [self.binaries / "psql", "-XAtq", "-h", self.folder, "-U", role, "-d", "prefect", "-c", statement],
                env={"PGPASSWORD": password}, capture_output=True, text=True, check=False,
            )  # fmt: skip
        finally:
            subprocess.run([*control, "-m", "fast", "stop"], check=True, stdout=subprocess.DEVNULL, **self.user)
        return done.stdout.strip() if done.returncode == 0 else done.stderr.strip()


@pytest.fixture
def start():
    """A service with empty volumes."""
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("expected PostgreSQL's programs, found none")
    # A socket's path is limited to 107 bytes, and PostgreSQL's user must have access to it.
    folder = Path(tempfile.mkdtemp(prefix="airnub-start-"))
    made = Start(folder, binaries)
    yield made
    made.stop()
    shutil.rmtree(folder)


def is_usable(start):
    """The role can log in with the password in the file, and is not a superuser."""
    [*_, last] = (done := start.run()).stdout.splitlines()
    assert last == "started", done.stderr
    password = start.password.read_text()
    asked = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    assert start.sql(asked, role="prefect", password=password) == "f"
    return password


def test_a_new_database_has_a_random_password(start):
    """A second start changes nothing."""
    password = is_usable(start)
    assert len(password) == 32
    assert is_usable(start) == password
    assert start.sql("SELECT 1", role="prefect", password="prefect") != "1"


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("initdb", 'echo 15 >"$PGDATA/PG_VERSION"; kill -9 $PPID'),
        ("initdb", 'REAL "$@" >/dev/null; kill -9 $PPID'),
        ("psql", 'REAL "$@"; kill -9 $PPID'),
        ("chmod", "kill -9 $PPID"),
        ("rm", "kill -9 $PPID"),
    ],
    ids=["in initdb", "after initdb", "after the role", "in the file", "at the end"],
)
def test_killed_while_the_database_is_made(start, program, text):
    """It is created again with a random password, never with the default of earlier versions."""
    start.killed_in(program, text)
    assert is_usable(start) not in {"prefect", ""}


def test_a_password_of_env_is_that_of_a_new_database(start):
    """It appears in no warning."""
    done = start.run("it's mine")
    assert start.password.read_text() == "it's mine"
    assert "WARNING" not in done.stderr
    assert start.sql("SELECT 1", role="prefect", password="it's mine") == "1"


def test_a_password_of_env_that_the_database_does_not_have(start):
    """The file keeps the role's password, since the server reads it; the warning has the command that changes both."""
    password = is_usable(start)
    done = start.run("different")
    assert start.password.read_text() == password
    assert "POSTGRES_PASSWORD in .env is not the password of the role prefect" in done.stderr
    assert "uv run airnub rotate database" in done.stderr


def test_a_volume_of_data_that_is_gone(start):
    """The password is kept, as before a restore."""
    password = is_usable(start)
    shutil.rmtree(start.folder / "data")
    (start.folder / "data").mkdir(0o700)
    assert is_usable(start) == password


def test_a_file_that_is_gone(start):
    """The role gets a new password and keeps its data."""
    password = is_usable(start)
    start.sql("CREATE TABLE kept ()")
    start.password.unlink()
    assert is_usable(start) not in {password, "prefect"}
    assert start.sql("SELECT count(*) FROM kept") == "0"


def earlier(start):
    """Data of an earlier version: the role is initdb's superuser, with the default password."""
    start.give()
    for command in (
        ["initdb", "-U", "prefect", "-D", start.folder / "data", "--auth=trust", "--no-sync"],
        ["pg_ctl", "-w", "-D", start.folder / "data", "-l", start.folder / "data" / "log",
         "-o", f"-c listen_addresses='' -k {start.folder}", "start"],
        ["psql", "-h", start.folder, "-U", "prefect", "-d", "postgres", "-c", "CREATE DATABASE prefect",
         "-c", "ALTER ROLE prefect PASSWORD 'prefect'"],
        ["pg_ctl", "-w", "-D", start.folder / "data", "-m", "fast", "stop"],
    ):  # fmt: skip
        command[0] = start.binaries / command[0]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **start.user)


def test_of_an_earlier_version(start):
    """It keeps its password, and a warning is printed."""
    earlier(start)
    assert is_usable(start) == "prefect"
    assert "change it: uv run airnub rotate database" in start.run().stderr


@pytest.mark.parametrize("text", ["kill -9 $PPID", 'REAL "$@"; kill -9 $PPID'], ids=["before", "after"])
def test_of_an_earlier_version_killed_at_its_first_statement(start, text):
    """The next start completes the migration from any step."""
    earlier(start)
    start.killed_in("psql", text)
    is_usable(start)
    assert start.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'airnub_renames'") == "0"
