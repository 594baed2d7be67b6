"""Names of `airnub_core.datasets` of the version before."""

import sys

import pytest

pytest.importorskip("airnub_data", reason="the names are found there")

from airnub_core import datasets
from airnub_data import Dataset


def test_names_are_found_where_they_moved_to():
    """With a warning that says where to import them from."""
    with pytest.warns(DeprecationWarning, match="has moved: import it from airnub_data"):
        assert datasets.Dataset is Dataset


def test_a_name_that_is_gone():
    """The message names the page that says what there is instead."""
    with pytest.raises(AttributeError, match="has no successor"):
        _ = datasets.of_nobody


def test_without_airnub_data(monkeypatch):
    """The message names the extra to install."""
    monkeypatch.setitem(sys.modules, "airnub_data", None)
    with pytest.raises(ImportError, match=r"install airnub-prefect\[datasets\]"):
        _ = datasets.Dataset
