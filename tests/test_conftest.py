"""The root's `conftest.py`, in a separate folder with its own tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
TESTS = """\
import pytest

@pytest.mark.system
def test_system():
    raise AssertionError

@pytest.mark.parametrize("number", [1, 2, 3])
def test_number(number):
    assert number == 1

class TestOther:
    @pytest.mark.parametrize("number", [1, 2])
    def test_number(self, number):
        assert number == 1

def test_without(): ...
"""


@pytest.mark.parametrize(("of", "processes", "passed"), [("test", "-n0", 3), ("test", "-n2", 3), ("file", "-n2", 1)])
def test_the_first_of_each(tmp_path, of, processes, passed):
    """`--first-of` runs the first case of each parametrized test, or the first test of each file, of those that markers
    select, in one process and in several.
    """
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = system\n")
    (tmp_path / "test_it.py").write_text(TESTS)
    done = subprocess.run(
        # A separate folder, since pytest removes old folders of earlier runs in the shared one, which takes a minute.
        [sys.executable, "-m", "pytest", "-p", "xdist", "-m", "not system", f"--first-of={of}",
         "--basetemp=temporary", processes],
        # Other plugins are not needed, and their import takes longer than the rest.
        cwd=tmp_path, env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{passed} passed" in done.stdout
