"""Selection of sources for one run."""

import pytest

from airnub_prefect.errors import UnknownNameError
from airnub_prefect.selection import ALL, Selection, check_names


def test_parameters_of_a_selection():
    """Defaults are left out, so that flows without these parameters can be run."""
    assert ALL.parameters() == {}
    assert Selection(("a", "b"), failed=True).parameters() == {"sources": ["a", "b"], "failed": True}


def test_unknown_names_are_rejected():
    """The message has the name, and the nearest known one."""
    check_names("source", ["weather"], {"weather", "prices"})
    with pytest.raises(UnknownNameError, match="source: unknown source 'wether'; did you mean 'weather'"):
        check_names("source", ["weather", "wether"], {"weather", "prices"})
