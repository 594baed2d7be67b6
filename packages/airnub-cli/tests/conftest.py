"""Fixtures of all tests of the command: a small workspace."""

import os
import sys
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent / "importable"))

# No test asserts times; what is found by chance is found by developers, not in a check. `AIRNUB_EXAMPLES` says how many
# examples a sweep draws: few by default, many where `.ci/run` looks at length.
settings.register_profile(
    "airnub", deadline=None, derandomize="CI" in os.environ, max_examples=int(os.environ.get("AIRNUB_EXAMPLES", "25"))
)
settings.load_profile("airnub")

MEMBERS = {
    "packages/base": ('name = "base"', ""),
    "packages/middle": (
        'name = "middle"',
        'dependencies = ["base"]\n[project.optional-dependencies]\nmore = ["iniconfig"]',
    ),
    "departments/top_one": ('name = "top-one"', 'dependencies = ["middle[more]>=0"]'),
}


@pytest.fixture(autouse=True)
def environment_as_before(tmp_path_factory):
    """Restore the environment variables that a command sets, and give it a cache of its own."""
    with mock.patch.dict(os.environ, {"AIRNUB_CACHE": str(tmp_path_factory.mktemp("cache"))}):
        yield


@pytest.fixture
def checkout(tmp_path):
    """A workspace of three members that depend on each other."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "root"\nversion = "0"\nrequires-python = ">=3.11"\n'
        '[tool.uv.workspace]\nmembers = ["packages/*", "departments/*"]\n'
        "[tool.uv.sources]\nbase = { workspace = true }\nmiddle = { workspace = true }\n"
        '[tool.pytest.ini_options]\naddopts = ["--import-mode=importlib", "-n=0"]\n'
    )
    for folder, (name, dependencies) in MEMBERS.items():
        package = tmp_path / folder
        module = name.split('"')[1].replace("-", "_")
        (package / "src" / module).mkdir(parents=True)
        (package / "src" / module / "__init__.py").write_text('"""A member."""\n')
        (package / "pyproject.toml").write_text(
            f'[project]\n{name}\nversion = "0"\nrequires-python = ">=3.11"\n{dependencies}\n'
            '[build-system]\nrequires = ["uv_build>=0.9,<1"]\nbuild-backend = "uv_build"\n'
        )
    return tmp_path
