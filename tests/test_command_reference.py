"""docs/reference.md equals the commands' `--help`."""

import shlex
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "importable"))
from command_reference import PAGE, WRITE, reference


def test_the_reference_page_is_what_help_prints() -> None:
    """It fails after a change of a command or an option until the page is generated again."""
    assert PAGE.read_text() == reference(), f"docs/reference.md differs from --help; run `{WRITE}`"


def test_the_script_writes_the_page(tmp_path: Path) -> None:
    """The command in the page and in the failure message writes the same bytes, run from the root."""
    words = shlex.split("uv run --all-packages python tests/importable/command_reference.py")
    assert words == shlex.split(WRITE)
    page = tmp_path / "reference.md"
    subprocess.run([sys.executable, words[-1], str(page)], cwd=PAGE.parents[1], check=True, timeout=60)
    assert page.read_bytes() == PAGE.read_bytes()
