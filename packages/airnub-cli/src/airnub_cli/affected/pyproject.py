"""The root pyproject.toml: whether what changed there is something that tests run with.

It names every member in several places, so a new one changes it; that is no reason to test all others. Which members
there are, and what they install, is in the lock; what linters look at is the whole, whoever changed.
"""

import tomllib
from typing import Any

FILE = "pyproject.toml"
_OF_THE_WHOLE = ("importlinter", "mypy", "ruff")
"""Tools that are no part of tests."""
_IN_THE_LOCK = ("sources", "workspace")


def concerns_tests(before: str, after: str) -> bool:
    """Whether a change of the root pyproject.toml is about the tests of all members; else it is about nobody's.

    Args:
        before: its text as it was.
        after: as it is.
    """
    try:
        return _of_tests(before) != _of_tests(after)
    except tomllib.TOMLDecodeError:
        return True


def _of_tests(text: str) -> dict[str, Any]:
    whole = tomllib.loads(text)
    # What the workspace itself needs: its own commands, and what `.ci/run` checks with.
    whole.pop("dependency-groups", None)
    project, tools = whole.pop("project", {}), whole.get("tool", {})
    for name in _OF_THE_WHOLE:
        tools.pop(name, None)
    for name in _IN_THE_LOCK:
        tools.get("uv", {}).pop(name, None)
    return whole | {"project": project.get("requires-python")}
