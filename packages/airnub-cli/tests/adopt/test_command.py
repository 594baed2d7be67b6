"""The command `airnub adopt`; the whole is tested on a copy of the repository (tests/test_adopt.py)."""

import subprocess

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.adopt.adoption import Adopted

CONFIG = ("-c", "user.name=a", "-c", "user.email=a@example.org")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A committed workspace with a registry."""
    (tmp_path / "pyproject.toml").write_text('[project]\nlicense = "Apache-2.0"\n[tool.uv.workspace]\nmembers = []\n')
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/departments.yaml").write_text("organisation: example\ndepartments: []\n")
    for command in (("init", "-q"), ("add", "-A"), (*CONFIG, "commit", "-qm", "x")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def airnub(*arguments):
    return CliRunner().invoke(main, ["adopt", *arguments])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--organisation", "Acme & Co"), "--organisation: expected a GitHub name"),
        (("--organisation", "acme", "--platform-owner", "@x"), "--platform-owner: expected the name of a team"),
        (("--organisation", "acme", "--licence", "Nothing"), "--licence: expected an SPDX licence expression"),
    ],
)
def test_a_mistake_is_reported_and_nothing_is_written(checkout, arguments, reason):
    """Exit status 2."""
    done = airnub(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert reason in done.stderr
    assert done.stderr.endswith("nothing was written\n")
    assert subprocess.run(["git", "status", "--porcelain"], cwd=checkout, capture_output=True, check=True).stdout == b""


def test_uncommitted_changes_are_refused(checkout):
    """Otherwise `git diff` would not show the adoption."""
    (checkout / "new.txt").write_text("")
    done = airnub("--organisation", "acme")
    assert done.exit_code == 2
    assert "expected a clean working tree, found changes" in done.stderr
    assert "organisation: example" in (checkout / "configs/departments.yaml").read_text()


def test_nothing_to_change(checkout):
    """Unchanged values need neither a clean working tree nor uv."""
    (checkout / "new.txt").write_text("")
    done = airnub("--organisation", "example", "--licence", "apache-2.0", "--without-example")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "nothing to change\n")


def test_changes_and_manual_steps_are_printed(checkout, monkeypatch):
    """Paths on stdout; manual steps and the next command on stderr."""
    found = Adopted(("LICENSE",), ("departments/x/",), ("LICENSE: add the text of MIT",))
    monkeypatch.setattr("airnub_cli.adopt.adoption.adopt", lambda *_, **__: found)
    done = airnub("--organisation", "acme", "--licence", "MIT")
    assert (done.exit_code, done.stdout) == (0, "LICENSE: changed\ndepartments/x/: removed\n")
    assert "Left for you:\n  LICENSE: add the text of MIT\n" in done.stderr
    assert ".ci/run lint tests" in done.stderr
    dry = airnub("--organisation", "acme", "--dry-run")
    assert dry.stdout == "LICENSE: would be changed\ndepartments/x/: would be removed\n"
    assert ".ci/run" not in dry.stderr


def test_help_shows_examples_that_can_be_typed():
    """With and without the example department."""
    said = airnub("--help").stdout
    assert "Example: uv run airnub adopt --organisation acme --dry-run" in said
    assert "--licence LicenseRef-Proprietary --without-example" in said
