"""Prefect: its port, the server that is configured, settings that get in the way."""

import socket
from importlib.metadata import version

import pytest

from airnub_cli.doctor.prefect import check_port, check_server, check_settings
from airnub_core.sample_site import Reply, SampleSite


@pytest.fixture
def server():
    """One that says what it is told to."""
    with SampleSite({"/api/health": Reply(b"true")}) as site:
        yield site


def told(site, body, status=200):
    """What is found when the server says this of its version."""
    site.routes["/api/admin/version"] = Reply(body, status=status)
    return check_server(site.url("/api"), {})


def test_a_free_port_is_fine():
    """Nobody answers."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        assert check_port(found.getsockname()[1]).found == "free"


def test_a_port_may_be_a_prefect_servers(server):
    """Or somebody else's."""
    assert check_port(server.port).found == "a Prefect server listens on it"
    server.routes.clear()
    assert check_port(server.port).level == "odd"


def test_no_server_is_fine():
    """Commands start one of their own."""
    assert check_server(None, {}).level == "fine"


def test_a_server_of_our_version_is_fine(server):
    """As its API says it."""
    assert told(server, f'"{version("prefect")}"'.encode()).level == "fine"


def test_a_server_of_another_version_is_odd(server):
    """Both are named."""
    finding = told(server, b'"3.0.1"')
    assert "has version 3.0.1, this checkout has" in finding.found


def test_a_server_that_wants_to_know_who_asks(server):
    """The setting for it is named."""
    assert "PREFECT_API_AUTH_STRING" in told(server, b"", 401).fix


def test_a_server_is_asked_with_what_is_set(server):
    """The user and the password, or a key."""
    server.routes["/api/admin/version"] = lambda asked: Reply(f'"{asked.headers["authorization"]}"'.encode())
    found = check_server(server.url("/api"), {"PREFECT_API_AUTH_STRING": "a:b", "PREFECT_API_KEY": "k"}).found
    assert "Basic YTpi" in found
    assert "Bearer k" in check_server(server.url("/api"), {"PREFECT_API_KEY": "k"}).found


def test_an_address_without_api_is_odd(server):
    """What answers there is no API."""
    assert "path usually ends in /api" in check_server(server.url(""), {}).found


def test_nobody_there_is_odd():
    """With the ways to mend it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        finding = check_server(f"http://127.0.0.1:{found.getsockname()[1]}/api", {})
    assert "does not answer" in finding.found
    assert "unset PREFECT_API_URL" in finding.fix


def test_a_password_in_the_url_is_not_shown():
    """Reports are pasted into tickets."""
    assert "secret" not in check_server("http://user:secret@127.0.0.1:1/api", {}).found


def test_an_address_must_be_http():
    """A host alone is what people forget the rest of."""
    assert "expected an http or https URL" in check_server("localhost:4200", {}).found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "null"),
        ("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "5"),
        ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "postgresql://x/y"),
        ("PREFECT_HOME", ""),
        ("PREFECT_TEST_MODE", "1"),
    ],
)
def test_settings_that_lead_to_errors_elsewhere(name, value):
    """Each is named, with how to be rid of it."""
    [finding] = check_settings({name: value})
    assert (finding.name, name in finding.fix) == (name, True)


def test_settings_that_are_right_are_not_told():
    """Nor those that are not set."""
    right = {
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://x/y",
    }
    assert list(check_settings(right)) == []


def test_two_ways_to_say_who_asks():
    """Prefect takes one of them, and not the one that it says."""
    [finding] = check_settings({"PREFECT_API_KEY": "k", "PREFECT_API_AUTH_STRING": "a:b"})
    assert finding.fix == "unset PREFECT_API_KEY"
