"""What a department publishes."""

from airnub_core.contracts.schema import versioned


def test_the_name_of_a_version():
    """As files and events have it."""
    assert versioned("weather", 2) == "weather.v2"
