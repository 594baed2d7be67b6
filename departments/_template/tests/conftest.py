"""Shared fixtures of the tests of department_template."""

import pytest


@pytest.fixture(autouse=True)
def apart(writes_apart):
    """No test writes into the checkout."""
