"""Modules and names of airnub_core of the version before; `airnub_common` has the tests of the mechanism."""

import importlib
import sys

import pytest

from airnub_core.moved import HOMES, MODULES, MOVED, NAMES, TO_DATA


# The package `network` had no names of its own, and those of `airnub_core` itself have their homes elsewhere.
@pytest.mark.parametrize(
    ("old", "new"),
    sorted(one for one in MODULES.items() if one[0] != "airnub_core.network" and one[1] != "airnub_core"),
)
def test_a_module_that_moved(old, new):
    """It can be imported, and its names are those of its successor."""
    module = importlib.import_module(old)
    successor = importlib.import_module(new)
    name = next(name for name, value in vars(successor).items() if getattr(value, "__module__", "") == new)
    with pytest.warns(DeprecationWarning, match=rf"{old}\.{name} has moved: import it from {new}$") as warned:
        assert getattr(module, name) is getattr(successor, name)
    assert warned[0].filename == __file__


@pytest.mark.parametrize("name", ["ApiSource", "Auth", "FileSource", "OffsetPages", "PageSource", "Secret"])
def test_settings_of_sources(name):
    """They are names of the package now."""
    module = importlib.import_module("airnub_core.sources.settings")
    with pytest.warns(DeprecationWarning, match=rf"sources\.settings\.{name} has moved: import it from airnub_core$"):
        assert getattr(module, name) is getattr(importlib.import_module("airnub_core"), name)


@pytest.mark.parametrize(("key", "new"), sorted(NAMES.items()))
def test_a_name_that_changed(key, new):
    """It is what it is called now."""
    module, name = key
    with pytest.warns(DeprecationWarning, match=rf"{name} is called {module}\.{new} now"):
        assert MOVED.renamed(module, name) is getattr(importlib.import_module(module), new)


@pytest.mark.parametrize(("module", "name"), [("tables", "Column"), ("datasets", "Dataset")])
def test_names_of_airnub_data(module, name):
    """With a warning that says where to import them from, shown for the line that asks."""
    airnub_data = pytest.importorskip("airnub_data", reason="the names are found there")
    assert f"airnub_core.{module}" in TO_DATA
    old = importlib.import_module(f"airnub_core.{module}")
    with pytest.warns(DeprecationWarning, match="import it from airnub_data") as warned:
        assert getattr(old, name) is getattr(airnub_data, name)
    assert warned[0].filename == __file__


def test_a_name_that_is_gone():
    """The message names the page that says what there is instead."""
    pytest.importorskip("airnub_data", reason="the names are found there")
    with pytest.raises(AttributeError, match=r"airnub_core\.tables\.read_csv has no successor; docs/datasets\.md"):
        MOVED.find("airnub_core.tables", "read_csv")


@pytest.mark.parametrize(("name", "home"), [("Column", "airnub_data"), ("type_name", r"airnub_data\.columns")])
def test_a_name_that_moved(name, home):
    """The warning has the module to import it from."""
    pytest.importorskip("airnub_data", reason="the names are found there")
    with pytest.warns(DeprecationWarning, match=rf"\.{name} has moved: import it from {home}$"):
        assert MOVED.find("airnub_core.tables", name).__name__ == name


def test_without_the_package(monkeypatch):
    """The message names the extra to install."""
    monkeypatch.setitem(sys.modules, "airnub_data", None)
    with pytest.raises(ImportError, match=r"Column has moved to airnub_data: install airnub-prefect\[datasets\]"):
        MOVED.find("airnub_core.tables", "Column")


@pytest.mark.parametrize(("key", "home"), sorted(HOMES.items()))
def test_a_name_that_moved_alone(key, home):
    """It is found by its former module, whether that one exists or has moved too."""
    module, name = key
    with pytest.warns(DeprecationWarning, match=rf"{name} has moved: import it from {home}$"):
        assert getattr(importlib.import_module(module), name) is getattr(importlib.import_module(home), name)
