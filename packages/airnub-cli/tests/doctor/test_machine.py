"""Findings, and the checks of uv, Python, PostgreSQL and Docker."""

import sys
from pathlib import Path

import pytest

from airnub_cli.dev.postgresql import MACHINE, Programs
from airnub_cli.doctor.machine import (
    Said,
    ask,
    check_compiled,
    check_data,
    check_disk,
    check_dotenv,
    check_engine,
    check_environment,
    check_lock,
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


def test_a_lock_that_does_not_fit_is_missing(checkout):
    """By the message of uv."""
    assert check_lock(Said(0, "Resolved 3 packages")).level == "fine"
    stale = "error: The lockfile at `uv.lock` needs to be updated, but `--check` was provided."
    assert (check_lock(Said(1, stale)).level, check_lock(Said(1, stale)).fix) == ("missing", "uv lock")


def test_a_lock_that_cannot_be_checked_is_odd():
    """Offline, with an empty cache."""
    finding = check_lock(Said(2, "error: x was not found in the cache"))
    assert finding.level == "odd"
    assert "not found in the cache" in finding.found


def test_an_environment_that_lags_behind_is_odd():
    """`uv run` syncs it by itself."""
    behind = Said(1, "The environment is outdated")
    assert check_environment(Said(0, ""), Said(0, "")).level == "fine"
    assert check_environment(behind, behind).fix == "uv sync --all-packages"
    assert "The environment is outdated" in check_environment(behind, behind).found
    assert check_environment(None, None).level == "missing"


def test_an_environment_with_only_the_root_is_odd(checkout):
    """`uv run` creates it in a fresh clone, and it is valid."""
    finding = check_environment(Said(1, "The environment is outdated"), Said(0, ""))
    assert (finding.level, finding.fix) == ("odd", "uv sync --all-packages")
    assert "not every department" in finding.found


def test_stale_and_invalid_deployments_differ():
    """A command updates stale ones; mistakes need manual changes."""
    stale = Said(1, "prefect.yaml is stale; `airnub compile` writes it")
    assert check_compiled(Said(0, ""), has_all=False).level == "fine"
    assert check_compiled(stale, has_all=True).fix == "uv run airnub compile"
    assert check_compiled(Said(2, "a\n1 mistake; nothing was written"), has_all=True).level == "missing"


def test_deployments_that_could_not_be_checked_are_odd():
    """A slow machine is not a mistake."""
    finding = check_compiled(Said(1, "Command 'airnub' timed out after 60.0 seconds"), has_all=True)
    assert (finding.level, finding.fix) == ("odd", "uv run airnub compile --check")
    assert "timed out" in finding.found


def test_mistakes_with_missing_departments_are_odd():
    """They may be the reason, so the finding has the command that installs all."""
    finding = check_compiled(Said(2, "a\n1 mistake; nothing was written"), has_all=False)
    assert (finding.level, finding.fix) == ("odd", "uv run --all-packages airnub compile --check")


@pytest.mark.parametrize(
    ("content", "mode", "level", "found"),
    [
        (b"A=1\n", 0o600, "fine", "only its owner can read it"),
        (b"A=1\n", 0o644, "odd", "other users can read it"),
        (b"A=1\nnot a value=\n", 0o600, "missing", ".env:2: expected NAME=value"),
        (b"A=\xff\n", 0o600, "missing", "expected text in UTF-8"),
    ],
)
def test_dotenv(tmp_path, content, mode, level, found):
    """Compose, `airnub apply` and Prefect read it, and it may contain secrets."""
    path = tmp_path / ".env"
    path.write_bytes(content)
    path.chmod(mode)
    finding = check_dotenv(path)
    assert (finding.level, found in finding.found) == (level, True), finding


def test_no_dotenv_is_fine(tmp_path):
    """A clean clone has none."""
    assert check_dotenv(tmp_path / ".env").level == "fine"


@pytest.mark.parametrize(("free", "level"), [(1e8, "missing"), (2e9, "odd"), (1e10, "fine")])
def test_free_disk_space(tmp_path, free, level):
    """Images need more than runs."""
    assert check_disk(tmp_path, int(free)).level == level


def test_the_folder_of_data(tmp_path, monkeypatch):
    """AIRNUB_DATA_ROOT or the repository; a missing folder is created later."""
    monkeypatch.delenv("AIRNUB_DATA_ROOT", raising=False)
    assert str(tmp_path / "data") in check_data(tmp_path).found
    monkeypatch.setenv("AIRNUB_DATA_ROOT", str(tmp_path / "elsewhere"))
    assert "elsewhere" in check_data(tmp_path).found


def test_the_message_of_uv(checkout):
    """The real uv prints the message that the check expects."""
    said = ask(["uv", "lock", "--check", "--offline"], checkout)
    assert said is None or said.status != 0
    assert check_lock(said).level in {"missing", "odd"}
