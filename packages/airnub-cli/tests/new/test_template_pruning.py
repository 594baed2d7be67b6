"""Parts of the template."""

import ast
from itertools import combinations
from pathlib import PurePosixPath

import pytest

from airnub_cli.new.template_pruning import (
    STAGES,
    categories,
    template_folder,
    with_sorted_imports,
    without,
    without_unused_imports,
)

MODULE = '''"""What is done."""

import json

from a import B, C
from flows.analysis import analysis

X = {"analysis": B}
Y = [B, json]


def kept(settings: B) -> None:
    """Stays."""


@C
class AnalysisSettings:
    """Goes."""

    text: str


def last() -> None:
    """Stays."""
'''


def test_what_names_a_part_goes_with_it():
    """Lines, and classes and functions as a whole; then what is imported for nothing."""
    text = without(PurePosixPath("src/x.py"), MODULE, ["analysis"])
    assert text == MODULE.replace("from flows.analysis import analysis\n", "").replace(
        'X = {"analysis": B}\n', ""
    ).replace("B, C", "B").replace('\n\n@C\nclass AnalysisSettings:\n    """Goes."""\n\n    text: str\n', "")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/flows/analysis.py", "x = 1\n"),
        ("tests/test_analysis.py", "x = 1\n"),
        ("variables/analysis.yaml", "x: 1\n"),
        ("src/report.py", '"""The report of the analysis."""\n'),
    ],
)
def test_a_file_goes_whose_name_or_first_line_names_it(path, text):
    """Whatever else it holds."""
    assert without(PurePosixPath(path), text, ["analysis"]) is None
    assert without(PurePosixPath(path), text, ["processing"]) == text


def test_paragraphs_of_yaml_go():
    """From one empty line to the next."""
    text = "a: 1\n\npublic_api_data:\n  - name: x\n\nb: 2\n"
    assert without(PurePosixPath("x.yaml"), text, ["public_api_data"]) == "a: 1\n\nb: 2\n"


def test_a_longer_word_is_another(house):
    """`analysis` is not in `meta_analysist`, nor in `Analysis`."""
    text = "metanalysis analysist Analysis\n"
    assert without(PurePosixPath("x.md"), text, ["analysis"]) == text


def test_imports_are_sorted_by_module():
    """Within their block; plain imports come first."""
    text = "from b import x\nfrom a.c import y\nimport z\nfrom a import w\n\nfrom c import v\n"
    expected = "import z\nfrom a import w\nfrom a.c import y\nfrom b import x\n\nfrom c import v\n"
    assert with_sorted_imports(text) == expected


def test_an_import_is_used_under_its_other_name():
    """`as` is looked for."""
    text = "from a import b as c\nfrom a import d as e\n\nc()\n"
    assert without_unused_imports(text) == "from a import b as c\n\nc()\n"


def test_every_choice_leaves_modules_that_can_be_read(house):
    """Stages from the first on, and any categories."""
    folder = template_folder(house.root)
    modules = [path for path in folder.rglob("*.py") if "__pycache__" not in path.parts]
    known = categories(house.root)
    assert known == ["public_api_data", "scheduled_file_downloads", "web_page_link_scraping"]
    choices = [
        {*STAGES[end:], *gone}
        for end in range(1, len(STAGES) + 1)
        for count in range(len(known))
        for gone in combinations(known, count)
    ]
    for left_out in choices:
        for path in modules:
            text = without(PurePosixPath(path.relative_to(folder).as_posix()), path.read_text(), left_out)
            if text is not None:
                ast.parse(text)
                assert not any(part in text for part in left_out - {"analysis", "processing"}), path
