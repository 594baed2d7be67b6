"""The root pyproject.toml."""

import pytest

from airnub_cli.affected.pyproject import concerned

TEXT = """
[project]
name = "root"
requires-python = ">=3.11"
dependencies = ["alpha"]

[tool.uv.sources]
alpha = { workspace = true }

[tool.mypy]
mypy_path = ["departments/alpha/src", "departments/beta/src"]

[tool.pytest.ini_options]
addopts = ["-a", "-b"]

[[tool.importlinter.contracts]]
id = "layers"
layers = ["alpha | beta", "core"]
"""
NAMES = {"alpha": "a", "departments/alpha/src": "a", "beta": "b", "departments/beta/src": "b", "core": "c"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("\n[project]", "\n# The root.\n[project]", set()),
        ('dependencies = ["alpha"]', 'dependencies = ["alpha", "click"]', set()),
        ("[tool.uv.sources]", '[dependency-groups]\nlint = ["ruff"]\n[tool.uv.sources]', set()),
        ("alpha = {", "beta = { workspace = true }\nalpha = {", {"b"}),
        ("alpha | beta", "beta", {"a"}),
        ('["departments/alpha/src", ', '["departments/other/src", ', None),
        ('"departments/alpha/src", ', "", {"a"}),
        (">=3.11", ">=3.12", None),
        ('["-a", "-b"]', '["-a"]', None),
        ('["-a", "-b"]', '["-b", "-a"]', None),
        ("[project]", "[project", None),
    ],
)
def test_whom_a_change_concerns(before, after, expected):
    """Those whose names came or went; all, for what has no name; nobody, for what only the root needs."""
    assert before in TEXT
    assert concerned(TEXT, TEXT.replace(before, after, 1), NAMES) == expected
