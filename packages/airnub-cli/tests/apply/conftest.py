"""The fixtures of `applied_repository`."""

from applied_repository import filled_repository, repository, server  # noqa: F401
