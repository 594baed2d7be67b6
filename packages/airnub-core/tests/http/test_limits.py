"""Limits."""

import pickle

import pytest

from airnub_core import NetworkSettings
from airnub_core.http.limits import Limits


@pytest.mark.parametrize(
    "settings",
    [
        NetworkSettings(),
        NetworkSettings(max_bytes="3 MiB", requests_per_second_per_host=2.5, allow_private_hosts=True, attempts=9),
        NetworkSettings(allow_private_hosts=["intranet.example.org", "10.0.0.0/8"]),
    ],
)
def test_limits_are_the_settings_as_they_are(settings):
    """Every key of them, by its own name: what is added there has to be added here."""
    assert set(Limits._fields) == set(NetworkSettings.model_fields)
    assert settings.limits()._asdict() == settings.model_dump()


def test_limits_cross_the_borders_of_processes():
    """As plain values, without the models."""
    limits = NetworkSettings(max_bytes=5, allow_private_hosts=["h"]).limits()
    assert pickle.loads(pickle.dumps(limits)) == limits
    assert type(limits) is Limits
    assert {type(value) for value in limits} <= {int, float, bool, type(None), tuple}
    assert limits.allow_private_hosts == ("h",)
    assert b"pydantic" not in pickle.dumps(limits)
