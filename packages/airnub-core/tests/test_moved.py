"""Names that moved to another package."""

import sys

import pytest

from airnub_core.moved import find


def test_a_name_that_is_gone():
    """The message names the page that says what there is instead."""
    pytest.importorskip("airnub_data", reason="the names are found there")
    with pytest.raises(AttributeError, match=r"a\.read_csv has no successor; docs/datasets\.md"):
        find("a", "read_csv")


@pytest.mark.parametrize(("name", "home"), [("Column", "airnub_data"), ("type_name", r"airnub_data\.columns")])
def test_a_name_that_moved(name, home):
    """The warning has the module to import it from."""
    pytest.importorskip("airnub_data", reason="the names are found there")
    with pytest.warns(DeprecationWarning, match=rf"a\.{name} has moved: import it from {home}$"):
        assert find("a", name).__name__ == name


def test_what_imports_ask_of_every_module(recwarn):
    """It is no name of the version before: no warning, no import."""
    with pytest.raises(AttributeError, match="module 'a' has no attribute '__path__'"):
        find("a", "__path__")
    assert not recwarn


def test_without_the_package(monkeypatch):
    """The message names the extra to install."""
    monkeypatch.setitem(sys.modules, "airnub_data", None)
    with pytest.raises(ImportError, match=r"a\.Column has moved to airnub_data: install airnub-prefect\[datasets\]"):
        find("a", "Column")


def test_a_module_of_this_package_that_moved():
    """`network.settings` is in `http` now; the warning says so."""
    from airnub_core.http.settings import NetworkSettings

    with pytest.warns(
        DeprecationWarning, match=r"NetworkSettings has moved: import it from airnub_core\.http\.settings"
    ):
        from airnub_core.network.settings import NetworkSettings as Moved
    assert Moved is NetworkSettings
    with pytest.raises(AttributeError, match=r"airnub_core\.network\.settings\.Nothing has no successor$"):
        find("airnub_core.network.settings", "Nothing")
