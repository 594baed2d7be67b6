"""docs/reference.md says what the commands' `--help` says."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "importable"))
from command_reference import PAGE, WRITE, reference


def test_the_reference_page_is_what_help_prints() -> None:
    """A command or an option that changed fails here until the page is generated again."""
    assert PAGE.read_text() == reference(), f"docs/reference.md differs from --help; run `{WRITE}`"
