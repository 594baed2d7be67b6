"""Departments that describe themselves in the template's words."""

import shutil
import subprocess
from pathlib import Path

import pytest

from airnub_cli.cache import Cache
from airnub_cli.check.descriptions import check_descriptions
from airnub_cli.configuration.registry import Names
from airnub_cli.new.template_copy import DepartmentSpec, department_files
from airnub_cli.template.history import TemplateOrigin, tree_here

ROOT = Path(__file__).parents[4]
NAMES = Names("zoo_orders", "Orders of the Zoo")
README, DEPLOYMENTS = "README.md", "prefect.yaml"
ALL = {
    README: ["Orders of the Zoo, a department of", "| ingestion |"],
    DEPLOYMENTS: ["description: Everything", "description: What was", "description: Which was"],
    "src/zoo_orders/example/sample_site/SOURCES.md": ["`measurements.csv`: daily weather"],
    "tests/test_datasets.py": ["def test_a_valid_row_is_kept"],
    "tests/example/test_report.py": ["def test_the_warmest_day"],
    "tests/example/test_rows.py": ["def test_one_row_of_the_sample_breaks_a_rule"],
}
"""What each line that is named begins with: a paragraph, or rows one after the other, are named once."""


@pytest.fixture
def made(house):
    """The house with the living template, and a department that was made from it."""
    if not (ROOT / "uv.lock").is_file():
        pytest.skip("not in a checkout")
    caches = shutil.ignore_patterns("__pycache__", ".*cache", ".venv")
    shutil.copytree(ROOT / "departments/_template", house.root / "departments/_template", ignore=caches)
    make(house)
    return house


def make(house, **options):
    """The department as `airnub new department` writes it."""
    shutil.rmtree(house.root / "departments/zoo_orders", ignore_errors=True)
    for path, content in department_files(house.root, DepartmentSpec(NAMES, "team-zoo", **options)).items():
        house.write(path, content.decode())
    left_out = tuple(options.get("left_out", ()))
    origin = TemplateOrigin(tree="0" * 40, display_name=NAMES.display, left_out=left_out)
    house.write("departments/zoo_orders/template.toml", origin.text())


def found(house, cache=None):
    """The lines that are named, by file of the department; each as short as `ALL` has it."""
    begun = {}
    for one in check_descriptions(house.workspace, *([cache] if cache else [])):
        line = Path(one.where).read_text().splitlines()[one.line - 1].strip()
        name = one.where.removeprefix(f"{house.root}/departments/zoo_orders/")
        short = next((text for text in ALL.get(name, ()) if line.startswith(text)), line)
        begun.setdefault(name, []).append(short)
    return begun


def test_a_new_department_is_described_by_the_template(made):
    """Its README, its deployments, its sample and the tests of the template's own modules; each with its line."""
    assert found(made) == ALL
    assert str(next(check_descriptions(made.workspace))) == (
        f"{made.root}/departments/zoo_orders/README.md:3: warning: expected the purpose of zoo_orders and its "
        "stages, found the text of the template; replace it"
    )


def test_a_department_that_describes_itself(made):
    """Each file that is written anew has no warning any more."""
    folder = made.root / "departments/zoo_orders"
    expected = dict(ALL)
    for path in ALL:
        lines = (folder / path).read_text().splitlines()
        (folder / path).write_text("\n".join(f"{line.replace('test_', 'test_own_')} " for line in lines))
        del expected[path]
        assert found(made) == expected


def test_a_part_of_it_that_is_left(made):
    """Named at its own first line."""
    path = made.root / "departments/zoo_orders/README.md"
    path.write_text(path.read_text().replace("fetches everything that the settings name", "fetches orders"))
    assert found(made)[README] == ["Orders of the Zoo, a department of", found(made)[README][1]]
    assert found(made)[README][1].startswith("| processing |")


def test_one_test_of_its_own_is_enough(made):
    """A file in which the template's tests are kept beside it has one of its own."""
    path = made.root / "departments/zoo_orders/tests/example/test_report.py"
    path.write_text(path.read_text() + '\n\ndef test_orders():\n    """Of the zoo."""\n')
    assert "tests/test_report.py" not in found(made)


def test_parts_that_were_left_out(made):
    """The texts are compared as they are without them."""
    make(made, left_out=frozenset({"analysis"}))
    expected = {name: lines for name, lines in ALL.items() if name != "tests/example/test_report.py"}
    assert found(made) == expected | {DEPLOYMENTS: ALL[DEPLOYMENTS][:2]}


def test_a_department_that_was_copied_by_hand(made):
    """Its name for people is that of the registry."""
    (made.root / "departments/zoo_orders/template.toml").unlink()
    assert found(made)[README] == ALL[README][1:]
    entry = "  - {id: zoo_orders, display_name: Orders of the Zoo, owner: team-zoo, contacts: [a], status: active}\n"
    made.change("configs/departments.yaml", "departments:\n", f"departments:\n{entry}")
    assert found(made) == ALL


def test_the_template_that_a_department_was_made_from_counts(made, tmp_path_factory):
    """Also after today's was written anew; git is asked once, and then it is known without."""
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=made.root, check=True)
    origin = TemplateOrigin(tree=tree_here(made.root), display_name=NAMES.display)
    made.write("departments/zoo_orders/template.toml", origin.text())
    made.change("departments/_template/src/department_template/example/sample_site/SOURCES.md", "daily weather", "all")
    cache = Cache(tmp_path_factory.mktemp("cache"))
    assert found(made, cache) == ALL
    shutil.rmtree(made.root / ".git")
    assert found(made, cache) == ALL
    assert found(made) != ALL


def test_without_a_template_nothing_is_compared(house):
    """An organisation may have removed it."""
    assert list(check_descriptions(house.workspace)) == []


def test_this_repository_describes_itself():
    """The example department is not a copy."""
    from airnub_cli.workspace import Workspace

    if not (ROOT / "uv.lock").is_file():
        pytest.skip("not in a checkout")
    own = [one for one in check_descriptions(Workspace.around(ROOT)) if "/project_alpha/" in one.where]
    assert own == []
