"""Warnings beside mistakes."""

from airnub_cli.check.check_warning import CheckWarning, mistakes_in
from airnub_prefect.errors import Diagnostic

WARNING, MISTAKE = CheckWarning("a.md", 3, "unfinished"), Diagnostic("a.md", 3, "unfinished")


def test_a_warning_says_so():
    """Between its place and its text, as compilers do; without a line, too."""
    assert str(WARNING) == "a.md:3: warning: unfinished"
    assert str(CheckWarning("a.md", None, "x")) == "a.md: warning: x"


def test_a_warning_is_not_a_mistake_of_the_same_text():
    """Both are kept where both are found."""
    assert WARNING != MISTAKE
    assert mistakes_in([WARNING, MISTAKE]) == [MISTAKE]
