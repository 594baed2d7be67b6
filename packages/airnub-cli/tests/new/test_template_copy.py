"""Copies of the template: omitted stages and categories, and renamed files."""

import ast
from itertools import combinations
from pathlib import PurePosixPath

import pytest
import yaml

from airnub_cli.configuration.registry import Names
from airnub_cli.new.template_copy import (
    EXAMPLE,
    STAGES,
    DepartmentSpec,
    categories,
    department_files,
    registry_entry,
    sample_entry,
    template_folder,
    with_sorted_imports,
    without,
    without_unused_imports,
)
from airnub_cli.workspace import WorkspaceError

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


def test_code_that_names_a_part_is_removed_with_it():
    """Lines, whole classes and functions, and then unused imports."""
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
def test_a_file_whose_name_or_first_line_names_a_part_is_removed(path, text):
    """Whatever else it contains."""
    assert without(PurePosixPath(path), text, ["analysis"]) is None
    assert without(PurePosixPath(path), text, ["processing"]) == text


def test_the_example_is_a_folder_and_a_module():
    """Lines that name either are removed; the word alone, and a host of that name, are kept."""
    text = '"""An example."""\n\nA = "https://example.org/a"\nB = "x.example.demo:DEMO"\n'
    assert without(PurePosixPath("src/x.py"), text, [EXAMPLE]) == text.replace('B = "x.example.demo:DEMO"\n', "")
    assert without(PurePosixPath("tests/example/test_x.py"), text, [EXAMPLE]) is None
    assert without(PurePosixPath("tests/example/test_x.py"), text, ["analysis"]) == text


def test_paragraphs_of_yaml_are_removed():
    """From one empty line to the next."""
    text = "a: 1\n\npublic_api_data:\n  - name: x\n\nb: 2\n"
    assert without(PurePosixPath("x.yaml"), text, ["public_api_data"]) == "a: 1\n\nb: 2\n"


def test_a_part_of_a_word_does_not_match(house):
    """`analysis` is neither in `meta_analysist` nor in `Analysis`."""
    text = "metanalysis analysist Analysis\n"
    assert without(PurePosixPath("x.md"), text, ["analysis"]) == text


def test_imports_are_sorted_by_module():
    """Within their block; plain imports come first."""
    text = "from b import x\nfrom a.c import y\nimport z\nfrom a import w\n\nfrom c import v\n"
    expected = "import z\nfrom a import w\nfrom a.c import y\nfrom b import x\n\nfrom c import v\n"
    assert with_sorted_imports(text) == expected


def test_an_import_is_used_under_its_other_name():
    """The name after `as` counts."""
    text = "from a import b as c\nfrom a import d as e\n\nc()\n"
    assert without_unused_imports(text) == "from a import b as c\n\nc()\n"


def test_every_choice_leaves_valid_modules(house):
    """Stages from the first on, with any categories."""
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
    choices += [{"analysis", EXAMPLE}, {"processing", "analysis", EXAMPLE}]
    for left_out in choices:
        for path in modules:
            text = without(PurePosixPath(path.relative_to(folder).as_posix()), path.read_text(), left_out)
            if text is not None:
                ast.parse(text)
                assert not any(part in text for part in left_out - {"analysis", "processing", EXAMPLE}), path


ORDERS = DepartmentSpec(Names("fresh_orders", "Fresh & Good"), "team-sales", ("sales@example.org", "Ann: 7th floor"))


def test_every_file_is_renamed_and_in_its_place(house):
    """Neither the template's name nor its instructions for copying remain."""
    files = department_files(house.root, ORDERS)
    assert "departments/fresh_orders/src/fresh_orders/flows/ingestion/stage.py" in files
    assert "departments/fresh_orders/src/fresh_orders/py.typed" in files
    assert {name for name in files if not name.startswith("departments/fresh_orders/")} == {
        "configs/variables/fresh_orders/analysis.yaml",
        "configs/variables/fresh_orders/ingestion.yaml",
        "configs/variables/fresh_orders/processing.yaml",
        "infra/work-pools/fresh-orders.yaml",
    }
    for name, content in files.items():
        text = content.decode()
        assert not any(word in text for word in ("department_template", "department-template", "Department Template"))
        assert "by hand" not in text, name
    assert (
        'description = "Fresh & Good, a department of airnub"'
        in files["departments/fresh_orders/pyproject.toml"].decode()
    )


def test_imports_stay_in_order(house):
    """A name that sorts before `airnub` comes first."""
    files = department_files(house.root, DepartmentSpec(Names("accounts", "Accounts"), "team-a"))
    text = files["departments/accounts/src/accounts/example/demo.py"].decode()
    assert text.index("from accounts.settings") < text.index("from airnub_core")


def test_the_entry_of_the_registry(house):
    """With the owner and the contacts."""
    assert yaml.safe_load(registry_entry(house.root, ORDERS)) == [
        {
            "id": "fresh_orders",
            "display_name": "Fresh & Good",
            "owner": "team-sales",
            "contacts": ["sales@example.org", "Ann: 7th floor"],
            "status": "active",
        }
    ]
    [entry] = yaml.safe_load(registry_entry(house.root, DepartmentSpec(Names("a", "A"), "team-a")))
    assert (entry["owner"], entry["contacts"]) == ("team-a", ["team-a"])


def test_the_sample_site_of_the_environment_sample(house):
    """It replaces all sources; omitted categories have none."""
    [(name, changes)] = yaml.safe_load(sample_entry(house.root, ORDERS)).items()
    assert name == "fresh_orders"
    [source] = changes["ingestion"]["scheduled_file_downloads"]
    assert source["urls"] == ["${AIRNUB_SITE_URL:-http://127.0.0.1:8000}/fresh-orders/measurements.csv"]
    assert changes["ingestion"]["public_api_data"] == changes["ingestion"]["web_page_link_scraping"] == []
    short = DepartmentSpec(
        ORDERS.names, "team-sales", left_out=frozenset({"scheduled_file_downloads", "public_api_data"})
    )
    assert list(yaml.safe_load(sample_entry(house.root, short))["fresh_orders"]["ingestion"]) == [
        "network", "web_page_link_scraping"
    ]  # fmt: skip


def test_an_empty_department_has_nothing_of_the_example(house):
    """No file, no source, no entry in the environment `sample`, and no reference."""
    empty = DepartmentSpec(ORDERS.names, "team-sales", left_out=frozenset({"analysis", "example"}))
    files = {path: content.decode() for path, content in department_files(house.root, empty).items()}
    assert [path for path in files if "/example/" in path or "report" in path] == []
    assert [path for path, text in files.items() if "example/" in text or ".example." in text] == []
    settings = yaml.safe_load(files["configs/variables/fresh_orders/ingestion.yaml"])
    assert [value for value in settings.values() if isinstance(value, list)] == [[], []]
    assert sample_entry(house.root, empty) == ""
    assert "MEASUREMENTS" in files["departments/fresh_orders/src/fresh_orders/datasets.py"]


def test_an_invalid_template(house):
    """The error has the line."""
    path = house.root / "departments/_template/src/department_template/flows/pipeline.py"
    path.write_text('"""Broken."""\n\ndef (:\n')
    with pytest.raises(WorkspaceError, match=r"pipeline\.py:3: expected Python in the template, found: invalid"):
        department_files(house.root, DepartmentSpec(Names("a", "A"), "team-a", left_out=frozenset({"analysis"})))
