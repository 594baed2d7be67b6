"""Modules and names of airnub_prefect of the version before; `airnub_common` has the tests of the mechanism."""

import importlib

import pytest

from airnub_prefect.moved import HOMES, MODULES, MOVED, NAMES


@pytest.mark.parametrize(("old", "new"), sorted(MODULES.items()))
def test_a_moved_module(old, new):
    """It can be imported, and its names are those of the present module."""
    successor = importlib.import_module(new)
    name = next(name for name, value in vars(successor).items() if getattr(value, "__module__", "") == new)
    with pytest.warns(DeprecationWarning, match=rf"{old}\.{name} has moved: import it from {new}$") as warned:
        assert getattr(importlib.import_module(old), name) is getattr(successor, name)
    assert warned[0].filename == __file__


@pytest.mark.parametrize(("key", "new"), sorted(NAMES.items()))
def test_a_renamed_name(key, new):
    """Its value is that of the present name."""
    module, name = key
    with pytest.warns(DeprecationWarning, match=rf"{name} is called {module}\.{new} now"):
        assert MOVED.renamed(module, name) is getattr(importlib.import_module(module), new)


@pytest.mark.parametrize(("key", "home"), sorted(HOMES.items()))
def test_a_name_that_moved_alone(key, home):
    """It is found by its former module."""
    module, name = key
    with pytest.warns(DeprecationWarning, match=rf"{name} has moved: import it from {home}$"):
        assert getattr(importlib.import_module(module), name) is getattr(importlib.import_module(home), name)
