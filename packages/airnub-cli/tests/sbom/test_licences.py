"""Licences: what packages say, in the ways that they say it."""

from email.message import Message
from types import SimpleNamespace

import pytest

from airnub_cli.sbom import licences
from airnub_cli.sbom.licences import UNKNOWN, licence_of


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("License-Expression", "MIT OR Apache-2.0"), ("License", "other")], "MIT OR Apache-2.0"),
        ([("Classifier", "License :: OSI Approved :: MIT License"), ("License", "x")], "MIT License"),
        ([("Classifier", f"License :: OSI Approved :: {one}") for one in ("A", "B")], "A OR B"),
        ([("Classifier", "Programming Language :: Python"), ("License", " BSD-3-Clause ")], "BSD-3-Clause"),
        ([("License", "Permission is hereby granted, " * 9)], UNKNOWN),
        ([("License", "")], UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_what_a_package_says(monkeypatch, lines, expected):
    """The most exact of what there is; the text of a licence is no name of one."""
    metadata = Message()
    for name, value in lines:
        metadata[name] = value
    monkeypatch.setattr(licences, "distribution", lambda name: SimpleNamespace(metadata=metadata))
    assert licence_of("x") == expected


def test_what_is_not_installed():
    """Is unknown; what is says something."""
    assert licence_of("a-package-that-nobody-has") == UNKNOWN
    assert "MIT" in licence_of("pytest")
