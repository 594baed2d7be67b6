"""The fixtures of `checked_workspace`."""

from checked_workspace import checking, house, installed_once, publishing  # noqa: F401
