"""Findings, and the checks of uv, Python, PostgreSQL and Docker."""

import sys
from pathlib import Path

import pytest

from airnub_cli.dev.postgresql import MACHINE, Programs
from airnub_cli.doctor.tools import (
    Said,
    ask,
    check_engine,
    check_plugin,
    check_postgresql,
    check_python,
    check_tools,
    check_uv,
    fine,
    missing,
    numbers,
    odd,
)


def test_a_problem_has_a_fix():
    """A fine finding has none."""
    assert fine("uv", "0.9").as_json() == {"name": "uv", "level": "fine", "found": "0.9", "fix": None}
    assert odd("uv", "old", "pip install uv").fix == "pip install uv"
    assert missing("uv", "none", "pip install uv").level == "missing"


def test_a_missing_tool_has_no_answer():
    """`None` differs from an error."""
    assert ask(["a-tool-that-nobody-has"]) is None


def test_the_error_of_a_tool_is_kept():
    """Partial output on stdout is dropped."""
    said = ask([sys.executable, "-c", "import sys; print('half'); sys.exit('wrong')"])
    assert said == Said(1, "wrong")


@pytest.mark.parametrize(
    ("said", "level"),
    [(None, "missing"), (Said(0, "uv 0.4.30"), "missing"), (Said(0, "uv 0.9.2 (abc 2025-10-01)"), "fine")],
)
def test_uv(said, level):
    """It is required, and old versions cannot read the lock."""
    assert check_uv(said).level == level


def test_python():
    """3.11 and newer."""
    assert check_python((3, 10)).level == "missing"
    assert check_python((3, 11)).level == "fine"


@pytest.mark.parametrize(
    ("said", "found", "mend"),
    [
        (None, "not installed", "https://docs.docker.com"),
        (Said(1, "permission denied while trying to connect"), "denies this user access", "usermod"),
        (Said(1, "Cannot connect to the Docker daemon"), "Cannot connect", "systemctl start docker"),
    ],
)
def test_without_docker_a_first_run_is_possible(said, found, mend):
    """So it is odd, with the commands that need it."""
    finding = check_engine(said)
    assert finding.level == "odd"
    assert found in finding.found
    assert mend in finding.fix


def test_plugins_have_versions():
    """An old Compose does not support an optional `.env`."""
    assert check_plugin("Docker Compose", Said(0, "2.20.1"), (2, 24)).level == "odd"
    assert check_plugin("Docker Compose", Said(0, "v2.26.1-4"), (2, 24)).level == "fine"
    assert check_plugin("Docker buildx", None, (0, 0)).fix == "sudo apt-get install docker-buildx-plugin"


def test_without_postgresql_dev_has_sqlite():
    """A warning with the extra to install; otherwise its version and source."""
    found = check_postgresql(None)
    assert (found.level, found.fix) == ("odd", "uv sync --all-packages --extra postgresql")
    assert check_postgresql(Programs(Path(), "15.3", MACHINE)).found == "15.3 of this machine; `airnub dev` uses it"


def test_versions_are_found_in_output():
    """At any position."""
    assert numbers("github.com/docker/buildx v0.13.1 abc") == (0, 13)
    assert numbers("no version") == (0, 0)


def test_this_machine_has_uv_and_python():
    """Otherwise these tests would not run."""
    findings = {one.name: one for one in check_tools()}
    assert findings["Python"].level == "fine"
    assert "Docker engine" in findings
