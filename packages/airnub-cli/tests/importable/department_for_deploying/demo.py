"""There is nothing to show."""

DEMO = None
