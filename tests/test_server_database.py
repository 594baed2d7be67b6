"""The check of the server's database before the server starts, on a real PostgreSQL."""

import asyncio
import json
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from airnub_prefect.server_database import START_SECONDS, UnusableError, check, main, move_windows

WITHIN = 90.0


@pytest.fixture
def database(postgres_server):
    """An empty database: a connection to it, and the settings of a server that uses it."""
    if postgres_server is None:
        pytest.skip("a database of its own is made here, which needs a server of the tests' own")
    name = f"server-{uuid4().hex[:8]}"
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    known = conninfo_to_dict(postgres_server.url) | {"dbname": name}
    settings = {
        "PREFECT_SERVER_DATABASE_HOST": str(known["host"]),
        "PREFECT_SERVER_DATABASE_USER": str(known["user"]),
        "PREFECT_SERVER_DATABASE_PASSWORD": str(known["password"]),
        "PREFECT_SERVER_DATABASE_NAME": name,
    }
    with psycopg.connect(**known, autocommit=True) as connection:
        yield connection, settings


@pytest.fixture
def window(database):
    """A function that creates an automation with a window, and returns the window's start and end relative to now."""
    connection, _ = database
    connection.execute("CREATE TABLE automation (id uuid PRIMARY KEY, trigger jsonb NOT NULL)")
    connection.execute(
        'CREATE TABLE automation_bucket (automation_id uuid, start timestamptz NOT NULL, "end" timestamptz NOT NULL)'
    )

    def make(posture, seconds):
        number = uuid4()
        trigger = json.dumps({"type": "event", "posture": posture, "within": WITHIN})
        connection.execute("INSERT INTO automation VALUES (%s, %s)", (number, trigger))
        connection.execute(
            "INSERT INTO automation_bucket VALUES (%s, now() - interval '1 day', now() + make_interval(secs => %s))",
            (number, float(seconds)),
        )
        asked = (
            'SELECT extract(epoch FROM start - now()), extract(epoch FROM "end" - now()) FROM automation_bucket '
            "WHERE automation_id = %s"
        )
        return lambda: tuple(map(float, connection.execute(asked, (number,)).fetchone()))

    return make


@pytest.mark.parametrize(
    ("posture", "ends_in", "is_moved"),
    [
        ("Proactive", -300, True),
        ("Proactive", 4, True),
        ("Proactive", 120, True),
        ("Proactive", 600, False),
        ("Reactive", -300, False),
    ],
)
def test_windows_that_an_outage_ended_are_moved(database, window, posture, ends_in, is_moved):
    """A run gets the full time again to send a heartbeat, and the server two minutes to start and process it.

    A heartbeat from the outage is older than the window.

    Windows that end later, and others, stay.
    """
    _, settings = database
    bounds = window(posture, ends_in)
    said = asyncio.run(move_windows(settings))
    assert ("1 moved" in said) is is_moved
    start, end = bounds()
    assert (-60 < start <= 0) is is_moved
    assert (WITHIN + START_SECONDS - 60 < end <= WITHIN + START_SECONDS) is is_moved


def test_a_database_without_tables(database):
    """At the first start there is nothing to do, and no error."""
    _, settings = database
    assert asyncio.run(move_windows(settings)) == ""
    assert asyncio.run(check(settings)) == "no tables yet"


@pytest.mark.parametrize(("revision", "is_known"), [("fa985d474982", True), ("0123456789ab", False)])
def test_tables_of_a_newer_prefect_are_refused(database, revision, is_known):
    """The message has the next step."""
    connection, settings = database
    connection.execute("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
    connection.execute("INSERT INTO alembic_version VALUES (%s)", (revision,))
    if is_known:
        assert asyncio.run(check(settings)) == f"revision {revision}"
    else:
        with pytest.raises(UnusableError, match=f"revision {revision} of a newer version"):
            asyncio.run(check(settings))


def test_a_wrong_password_is_reported(database, monkeypatch, capsys):
    """The message has the host and the user, and not the password."""
    for name, value in (database[1] | {"PREFECT_SERVER_DATABASE_PASSWORD": "hunter2"}).items():
        monkeypatch.setenv(name, value)
    assert main(["check"]) == 1
    said = capsys.readouterr().err
    assert "password authentication failed" in said
    assert "hunter2" not in said


def test_commands_are_two(capsys):
    """Any other argument is an error that lists both."""
    assert main(["elsewhere"]) == 2
    assert "expected one of check, move-windows, found elsewhere" in capsys.readouterr().err


def test_logs_as_json(monkeypatch, capsys):
    """With AIRNUB_LOG_FORMAT=json, its lines have the format of the server's."""
    monkeypatch.setenv("AIRNUB_LOG_FORMAT", "json")
    assert main(["elsewhere"]) == 2
    said = json.loads(capsys.readouterr().err)
    assert (said["level"], said["logger"]) == ("ERROR", "airnub.server_database")
    assert "found elsewhere" in said["message"]
    assert said["time"].endswith("Z")
