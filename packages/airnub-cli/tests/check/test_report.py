"""Warnings beside mistakes.
Report: the same mistakes in three forms.
"""

import json

from airnub_cli.check.report import CheckWarning, annotation, mistakes_in, report
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


MISTAKES = [Diagnostic("a/b.yaml", 3, "expected 5%,\nfound: 6"), Diagnostic("c,d:e", None, "missing")]


def test_as_text():
    """A line each, as editors understand them."""
    assert report(MISTAKES[1:], "text") == "c,d:e: missing"
    assert report([Diagnostic("a", 1, "x"), Diagnostic("b", 2, "y")], "text") == "a:1: x\nb:2: y"


def test_as_json():
    """One list, empty where nothing is wrong."""
    assert json.loads(report(MISTAKES, "json"))[0] == {
        "file": "a/b.yaml",
        "line": 3,
        "message": "expected 5%,\nfound: 6",
        "severity": "error",
    }
    assert json.loads(report([], "json")) == []


def test_as_annotations():
    """Signs that GitHub would misread are escaped."""
    assert annotation(MISTAKES[0]) == "::error file=a/b.yaml,line=3::expected 5%25,%0Afound: 6"
    assert annotation(MISTAKES[1]) == "::error file=c%2Cd%3Ae::missing"
    assert report(MISTAKES, "github").count("::error ") == 2


def test_warnings():
    """Each form says that it is not a mistake."""
    warning = CheckWarning("a.md", 2, "x, y")
    assert report([warning], "text") == "a.md:2: warning: x, y"
    assert json.loads(report([warning], "json")) == [
        {"file": "a.md", "line": 2, "message": "x, y", "severity": "warning"}
    ]
    assert report([warning], "github") == "::warning file=a.md,line=2::x, y"
