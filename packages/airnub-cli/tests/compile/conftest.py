"""The fixtures of `deployed_workspace`."""

from deployed_workspace import house  # noqa: F401
