"""`.env`."""

import subprocess
import sys

import pytest

from airnub_prefect.dotenv_file import require_readable, wrong_lines
from airnub_prefect.errors import ConfigurationError


@pytest.fixture
def diagnostics(tmp_path, monkeypatch):
    """What is wrong with a text, as it is printed."""
    monkeypatch.chdir(tmp_path)

    def look(content):
        (tmp_path / ".env").write_bytes(content)
        return [str(mistake) for mistake in wrong_lines(tmp_path / ".env")]

    return look


def test_valid_lines(diagnostics):
    """Comments, quotes, `export`, empty values and names without a value are valid."""
    assert diagnostics(b"# all\n\nA=1\nexport B='x y'\nC=\nD\nE=\"two\nlines\"\n") == []


def test_invalid_lines(diagnostics):
    """Each is reported by its number; its text may be secret and is not shown."""
    assert diagnostics(b'A=1\n\n\nnot hunter2\nB=\'hunter2\nC="hunter2" x\n') == [
        ".env:4: expected NAME=value, found something else; a comment begins with #; see .env.example",
        ".env:5: expected NAME=value, found an unclosed quote, or text after the closing quote; see .env.example",
        ".env:6: expected NAME=value, found an unclosed quote, or text after the closing quote; see .env.example",
    ]


def test_a_file_that_is_not_text(diagnostics):
    """The error is reported, since Prefect could not be imported."""
    [said] = diagnostics(b"A=\xff\n")
    assert said.startswith(".env: expected text in UTF-8, found: invalid start byte")


def test_a_folder_in_place_of_the_file(diagnostics, tmp_path):
    """A folder and an unreadable file are reported."""
    (tmp_path / "below" / ".env").mkdir(parents=True)
    [mistake] = wrong_lines(tmp_path / "below" / ".env")
    assert "expected a readable file" in mistake.message


def test_several_folders_at_once(diagnostics, tmp_path):
    """A file that occurs twice is reported once; a folder without one is valid."""
    diagnostics(b"not a line\n")
    with pytest.raises(ConfigurationError) as raised:
        require_readable([tmp_path, tmp_path / ".", tmp_path / "elsewhere"])
    assert [mistake.line for mistake in raised.value.mistakes] == [1]
    require_readable([tmp_path / "elsewhere"])


def test_a_department_command_reports_it_once(diagnostics, tmp_path):
    """In place of Prefect's hundreds of warnings; exit status 2, and nothing is run."""
    diagnostics(b"not a line\n")
    done = subprocess.run(
        [sys.executable, "-m", "department_for_tests", "run", "ingestion"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        ".env:1: expected NAME=value, found something else; a comment begins with #; see .env.example",
        "1 mistake in the configuration; nothing was run.",
    ]
