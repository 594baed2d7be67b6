"""The base of settings and contracts."""

import pytest
from pydantic import ValidationError

from airnub_core.strict_model import StrictModel


class Limits(StrictModel):
    most: int = 1


def test_an_unknown_key_is_an_error():
    """A misspelt key would otherwise have no effect."""
    with pytest.raises(ValidationError, match="mots"):
        Limits.model_validate({"mots": 2})


def test_an_instance_is_immutable():
    """Settings of a run do not change while it runs."""
    with pytest.raises(ValidationError, match="frozen"):
        Limits().most = 2
