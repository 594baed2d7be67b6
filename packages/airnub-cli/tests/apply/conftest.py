"""The fixtures of `applied_repository`."""

from applied_repository import empty_server, filled_repository, own_server_url, repository, server  # noqa: F401
