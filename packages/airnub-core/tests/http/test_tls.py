"""Certificates; which servers are believed is tested with the downloads."""

import certifi
import pytest

from airnub_core.http.tls import trusted


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({}, (certifi.where(), None)),
        ({"SSL_CERT_FILE": "/a.pem"}, ("/a.pem", None)),
        ({"SSL_CERT_DIR": "/certs"}, (None, "/certs")),
        ({"SSL_CERT_FILE": "/a.pem", "SSL_CERT_DIR": "/certs"}, ("/a.pem", "/certs")),
        ({"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}, (certifi.where(), None)),
    ],
)
def test_whose_servers_are_trusted(monkeypatch, variables, found):
    """What the environment names is instead of Mozilla's list, not beside it; an empty variable names nothing."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert trusted() == found
