"""The site: the sample data of all departments under one address."""

from types import SimpleNamespace

import pytest

from airnub_cli.dev.site import together
from airnub_core.sample_site import Reply
from airnub_prefect.errors import ConfigurationError


def department(name, *paths):
    """One whose demo serves these paths."""
    demo = SimpleNamespace(routes=lambda *, with_failure: {path: Reply(name.encode()) for path in paths})
    return SimpleNamespace(name=name, load_demo=lambda: demo)


def test_all_paths_are_there():
    """Of every department."""
    assert set(together([department("one", "/a", "/b"), department("two", "/c")])) == {"/a", "/b", "/c"}


def test_a_path_of_two_is_told():
    """Which of the two would be served?"""
    with pytest.raises(ConfigurationError, match=r"two.*found /a of one too"):
        together([department("one", "/a"), department("two", "/a")])
