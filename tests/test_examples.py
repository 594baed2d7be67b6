"""Examples in docstrings: they run, and print what they show."""

import doctest
import importlib
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[1] / "packages"
MODULES = sorted(
    ".".join(path.relative_to(PACKAGES).with_suffix("").parts[2:]).removesuffix(".__init__")
    for path in PACKAGES.glob("*/src/**/*.py")
    if "    >>> " in (text := path.read_text(encoding="utf-8")) or "\n>>> " in text
)


@pytest.mark.parametrize("name", MODULES)
def test_an_example_prints_what_it_shows(name):
    """With the imports that it has itself, or its module."""
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried
    assert not failed
