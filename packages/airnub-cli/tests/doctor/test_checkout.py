"""The checkout: lock, environment, compiled deployments, `.env`, disk."""

import pytest

from airnub_cli.doctor.checkout import (
    check_compiled,
    check_data,
    check_disk,
    check_dotenv,
    check_environment,
    check_lock,
)
from airnub_cli.doctor.tools import Said, ask


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
