"""Moved: names of the version before, which are in `airnub_core.http.settings` now."""

from typing import Any

from airnub_core.moved import find


def __getattr__(name: str) -> Any:
    return find(__name__, name)
