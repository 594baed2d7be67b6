"""Network settings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from airnub_core.network.settings import NetworkOverrides, NetworkSettings

SECONDS = st.floats(min_value=0.001, max_value=1e6)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "connections": st.integers(1, 1024),
        "connections_per_host": st.integers(1, 1024),
        "requests_per_second_per_host": st.floats(min_value=0.001, max_value=1e6),
        "max_bytes": st.integers(1, 2**62),
        "connect_timeout": SECONDS,
        "stall_timeout": SECONDS,
        "total_timeout": SECONDS,
        "attempts": st.integers(1, 100),
        "allow_private_hosts": st.booleans(),
    },
)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (17, 17),
        ("17", 17),
        ("1kB", 1000),
        ("2MB", 2 * 1000**2),
        ("3GB", 3 * 1000**3),
        ("1KiB", 1024),
        ("2MiB", 2 * 1024**2),
        ("2GiB", 2 * 1024**3),
        ("1 GiB", 1024**3),
    ],
)
def test_sizes_have_suffixes(written, size):
    """A plain integer is bytes, a suffix is decimal or binary as it says."""
    assert NetworkSettings(max_bytes=written).max_bytes == size


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_bytes": "2 apples"},
        {"max_bytes": 0},
        {"max_bytes": -1},
        {"connections": 0},
        {"connections_per_host": 5000},
        {"attempts": 0},
        {"stall_timeout": 0},
        {"total_timeout": float("inf")},
        {"connect_timeout": float("nan")},
        {"requests_per_second_per_host": 0},
        {"conections": 1},
    ],
)
@pytest.mark.parametrize("model", [NetworkSettings, NetworkOverrides])
def test_wrong_settings_are_refused(model, wrong):
    """Zero, endless, unreadable and misspelt settings are errors."""
    with pytest.raises(ValidationError):
        model(**wrong)


@given(VALUES)
def test_settings_survive_a_round_trip_through_json(values):
    """What a Variable holds is what was written into it."""
    settings = NetworkSettings(**values)
    assert NetworkSettings.model_validate_json(settings.model_dump_json()) == settings
    overrides = NetworkOverrides(**values)
    assert NetworkOverrides.model_validate_json(overrides.model_dump_json()) == overrides


@given(department=VALUES, source=VALUES)
def test_a_source_overrides_what_it_names(department, source):
    """What the source says counts, also `false`; all else is the department's."""
    merged = NetworkOverrides(**source).network(NetworkSettings(**department))
    assert merged == NetworkSettings(**department).model_copy(
        update=NetworkSettings(**source).model_dump(include=source.keys())
    )
