"""The nearest name."""

from airnub_cli.deployments.nearest import nearest


def test_the_nearest_or_all():
    """What is like it, else everything there is."""
    assert nearest("procesing", ["processing", "analysis"]) == "did you mean 'processing'?"
    assert nearest("x", ["b", "a"]) == "there are a, b"
    assert nearest("x", []) == "there are none"
