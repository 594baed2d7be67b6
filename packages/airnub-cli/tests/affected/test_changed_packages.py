"""Packages of the lock that are not what they were."""

import re

import pytest

from airnub_cli.affected.changed_packages import differences
from airnub_cli.lock import Lock, load_lock

REGISTRY = 'source = { registry = "https://pypi.example/simple" }'
TEXT = f"""version = 1

[[package]]
name = "alpha"
version = "0.1.0"
source = {{ editable = "departments/alpha" }}
dependencies = [
    {{ name = "numpy", version = "1.0", {REGISTRY}, marker = "python_full_version < '3.12'" }},
    {{ name = "numpy", version = "2.0", {REGISTRY}, marker = "python_full_version >= '3.12'" }},
    {{ name = "polars", extra = ["all"] }},
]

[package.optional-dependencies]
science = [
    {{ name = "sklearn" }},
]

[[package]]
name = "numpy"
version = "1.0"
{REGISTRY}

[[package]]
name = "numpy"
version = "2.0"
{REGISTRY}

[[package]]
name = "polars"
version = "2.1"
{REGISTRY}
sdist = {{ url = "https://files.example/polars.tar.gz", hash = "sha256:33", size = 1 }}

[package.optional-dependencies]
all = [
    {{ name = "sklearn" }},
]

[[package]]
name = "sklearn"
version = "1.5"
{REGISTRY}
"""


def said(after, before=TEXT):
    """What is told of the difference of two locks."""
    return [one.what for one in differences(load_lock(before), load_lock(after))]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('version = "2.1"', 'version = "2.2"', ["polars 2.1 → 2.2"]),
        ("sha256:33", "sha256:44", ["polars 2.1, other files"]),
        ('"2.0"', '"2.1"', ["numpy 2.0 → 2.1"]),
        (">= '3.12'", "> '3.12'", ["alpha otherwise needs numpy"]),
        ('    { name = "polars", extra = ["all"] },\n', "", ["alpha no longer needs polars, polars[all]"]),
        ('polars", extra = ["all"] }', 'polars" }', ["alpha no longer needs polars[all]"]),
        ('science = [\n    { name = "sklearn" },', 'science = [\n    { name = "polars" },',
         ["alpha[science] now needs polars; no longer needs sklearn"]),
        ('all = [\n    { name = "sklearn" },', 'all = [\n    { name = "numpy" },',
         ["polars[all] now needs numpy; no longer needs sklearn"]),
        ('editable = "departments/alpha"', 'editable = "departments/omega"', ["alpha moved to departments/omega"]),
        ('"alpha"\nversion = "0.1.0"', '"alpha"\nversion = "0.2.0"', []),
        ("https://pypi.example/simple", "https://mirror.example/simple", []),
        ("size = 1", "size = 2", []),
    ],
)  # fmt: skip
def test_what_is_told(before, after, expected):
    """The package itself, or what it needs; not both, and nothing that installs the same."""
    assert before in TEXT
    assert said(TEXT.replace(before, after)) == expected


def test_a_version_from_elsewhere():
    """Without a registry nothing says that it is the same."""
    one = f'name = "sklearn"\nversion = "1.5"\n{REGISTRY}'
    assert said(
        TEXT.replace(one, 'name = "sklearn"\nversion = "1.5"\nsource = { git = "https://x.example/s?rev=1#1" }')
    ) == ["sklearn 1.5 from elsewhere"]


def test_two_versions_become_one():
    """What needed one of them needs it otherwise; the other goes without a word."""
    after = re.sub(r'    \{ name = "numpy", version = "1.*\n', "", TEXT)
    after = after.replace(f'[[package]]\nname = "numpy"\nversion = "1.0"\n{REGISTRY}\n\n', "")
    after = re.sub(r'name = "numpy", version = "2.0", source = \{[^}]*\}', 'name = "numpy"', after)
    assert said(after) == ["alpha no longer needs numpy"]


def test_a_first_lock():
    """Everything is new, so nothing is different."""
    assert list(differences(Lock(), load_lock(TEXT))) == []
