"""The root pyproject.toml."""

import pytest

from airnub_cli.affected.pyproject import concerns_tests

TEXT = """
[project]
name = "root"
requires-python = ">=3.11"
dependencies = ["alpha"]

[tool.uv]
link-mode = "copy"

[tool.uv.workspace]
members = ["departments/*"]

[tool.uv.sources]
alpha = { workspace = true }

[tool.ruff]
line-length = 120

[tool.mypy]
strict = true

[tool.pytest.ini_options]
addopts = ["-a", "-b"]

[tool.importlinter]
root_packages = ["alpha"]

[[tool.importlinter.contracts]]
id = "layers"
layers = [\"\"\"\\
    alpha |\\
    beta\"\"\", "core"]
"""


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("\n[project]", "\n# The root.\n[project]", False),
        ('dependencies = ["alpha"]', 'dependencies = ["alpha", "click"]', False),
        ("[tool.uv]", '[dependency-groups]\nlint = ["ruff"]\n[tool.uv]', False),
        ('["departments/*"]', '["departments/*", "packages/*"]', False),
        ("alpha = {", "beta = { workspace = true }\nalpha = {", False),
        ("    alpha |\\\n", "    alpha |\\\n    gamma |\\\n", False),
        ('root_packages = ["alpha"]', 'root_packages = ["alpha", "gamma"]', False),
        ("120", "100", False),
        ("strict = true", "strict = false", False),
        ('"copy"', '"clone"', True),
        (">=3.11", ">=3.12", True),
        ('["-a", "-b"]', '["-a"]', True),
        ('["-a", "-b"]', '["-b", "-a"]', True),
        ("[tool.ruff]", "[tool.other]", True),
        ("[project]", "[project", True),
        (TEXT, "", True),
    ],
)
def test_whether_tests_run_with_it(before, after, expected):
    """Not what only the root needs, what the lock says, or what linters look at."""
    assert before in TEXT
    assert concerns_tests(TEXT, TEXT.replace(before, after, 1)) == expected
