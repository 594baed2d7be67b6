"""Steps of deploying."""

import pytest

from airnub_prefect.errors import ConfigurationError
from airnub_prefect.steps import require_environment


def test_what_is_set_may_be_deployed(monkeypatch):
    """And nothing is handed to other steps."""
    monkeypatch.setenv("AIRNUB_TEST_TAG", "1")
    assert require_environment(["AIRNUB_TEST_TAG"]) == {}


def test_what_is_not_set_is_named(monkeypatch):
    """All of it at once; an empty value is none."""
    monkeypatch.setenv("AIRNUB_TEST_EMPTY", "")
    with pytest.raises(ConfigurationError, match="expected AIRNUB_TEST_EMPTY, AIRNUB_TEST_UNSET in the environment"):
        require_environment(["AIRNUB_TEST_EMPTY", "AIRNUB_TEST_UNSET"])
