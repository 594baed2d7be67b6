"""The Prefect port, the configured server, and settings that cause errors."""

import socket
from importlib.metadata import version

import pytest

from airnub_cli.doctor.prefect import check_port, check_server, check_settings
from airnub_core.sample_site import Reply, SampleSite


@pytest.fixture
def server():
    """A server with a given response."""
    with SampleSite({"/api/health": Reply(b"true")}) as site:
        yield site


def told(site, body, status=200):
    """The finding for a server with this response."""
    site.routes["/api/admin/version"] = Reply(body, status=status)
    return check_server(site.url("/api"), {})


def test_a_free_port_is_fine():
    """No process listens on it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        assert check_port(found.getsockname()[1]).found == "free"


def test_a_port_may_be_a_prefect_servers(server):
    """Or that of a different program."""
    assert check_port(server.port).found == "a Prefect server listens on it"
    server.routes.clear()
    assert check_port(server.port).level == "odd"


def test_no_server_is_fine():
    """Commands start an embedded one."""
    assert check_server(None, {}).level == "fine"


def test_a_server_of_our_version_is_fine(server):
    """By its API."""
    assert told(server, f'"{version("prefect")}"'.encode()).level == "fine"


def test_a_server_of_a_different_version_is_odd(server):
    """Both versions are named."""
    finding = told(server, b'"3.0.1"')
    assert "has version 3.0.1, this checkout has" in finding.found


def test_a_server_that_requires_authentication(server):
    """The finding names the setting."""
    assert "PREFECT_API_AUTH_STRING" in told(server, b"", 401).fix


def test_credentials_are_sent(server):
    """User and password, or a key."""
    server.routes["/api/admin/version"] = lambda asked: Reply(f'"{asked.headers["authorization"]}"'.encode())
    found = check_server(server.url("/api"), {"PREFECT_API_AUTH_STRING": "a:b", "PREFECT_API_KEY": "k"}).found
    assert "Basic YTpi" in found
    assert "Bearer k" in check_server(server.url("/api"), {"PREFECT_API_KEY": "k"}).found


def test_an_address_without_api_is_odd(server):
    """The response is not one of the API."""
    assert "path usually ends in /api" in check_server(server.url(""), {}).found


def test_a_page_instead_of_the_api_is_odd(server):
    """The web interface of Prefect answers every path with a page."""
    server.routes["/admin/version"] = lambda _: Reply(b"<html>")
    finding = check_server(server.url(""), {})
    assert finding.found.endswith("answers without JSON; expected a Prefect API, whose path usually ends in /api")
    assert finding.fix.startswith("export PREFECT_API_URL=")


def test_a_server_that_does_not_answer_is_odd():
    """With the ways to fix it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        finding = check_server(f"http://127.0.0.1:{found.getsockname()[1]}/api", {})
    assert "does not answer" in finding.found
    assert "unset PREFECT_API_URL" in finding.fix


def test_a_password_in_the_url_is_not_shown():
    """Reports are pasted into tickets."""
    assert "secret" not in check_server("http://user:secret@127.0.0.1:1/api", {}).found


def test_an_address_must_be_http():
    """A host without a scheme is a common mistake."""
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
    """Each is named, with the way to unset it."""
    [finding] = check_settings({name: value})
    assert (finding.name, name in finding.fix) == (name, True)


def test_valid_settings_are_not_reported():
    """Nor those that are not set."""
    right = {
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://x/y",
    }
    assert list(check_settings(right)) == []


def test_two_kinds_of_credentials():
    """Prefect uses only one of them, and its messages name the other."""
    [finding] = check_settings({"PREFECT_API_KEY": "k", "PREFECT_API_AUTH_STRING": "a:b"})
    assert finding.fix == "unset PREFECT_API_KEY"
