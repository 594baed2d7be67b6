"""What the tests of the engine share: a real server on loopback, and settings that suit it."""

import socket

import pytest

from airnub_core import NetworkSettings
from airnub_core.sample_site import SampleSite


@pytest.fixture
def site():
    """A web site on loopback; tests add routes to it."""
    with SampleSite({}) as running:
        yield running


@pytest.fixture
def network():
    """Loopback is allowed, and nothing is retried unless a test says so."""
    return NetworkSettings(allow_private_hosts=True, attempts=1, connect_timeout=2, stall_timeout=2)


@pytest.fixture
def unused_port():
    """A port of loopback that nobody listens on."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]
