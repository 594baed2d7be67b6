"""Imports: the graph, with lines."""

import subprocess
import sys

import grimp

from airnub_cli.check.import_graph import read_imports


def test_who_imports_whom_and_where(house):
    """By module, with the file and the line."""
    imports = read_imports(house.workspace, mistakes := [])
    assert mistakes == []
    importer = "alpha_dept.flows.ingestion"
    assert imports.graph.find_modules_directly_imported_by(importer) == {"prefect", "shared_things"}
    told = house.told([imports.mistake(importer, "shared_things", "so")])
    assert told == ["departments/alpha_dept/src/alpha_dept/flows/ingestion.py:2: so"]
    assert imports.path("alpha_dept.flows").name == "__init__.py"
    assert imports.line("alpha_dept", "shared_things") is None


def test_the_graph_is_that_of_grimp_alone(house):
    """What is quicker here changes nothing in it, and nothing of grimp afterwards."""
    house.write("packages/shared-things/src/shared_things/deep/__init__.py", "import os.path\nfrom httpx import get\n")
    house.write("departments/beta_dept/src/beta_dept/tasks.py", "from shared_things import deep, gone\nimport alpha\n")
    quick = read_imports(house.workspace, []).graph
    alone = grimp.build_graph(
        "alpha_dept", "beta_dept", "shared_things", include_external_packages=True, cache_dir=None
    )
    assert quick.modules == alone.modules
    for module in alone.modules:
        assert quick.is_module_squashed(module) == alone.is_module_squashed(module)
        imported = alone.find_modules_directly_imported_by(module)
        assert quick.find_modules_directly_imported_by(module) == imported
        for one in imported:
            details = {"importer": module, "imported": one}
            assert quick.get_import_details(**details) == alone.get_import_details(**details)


def test_files_that_are_no_python_are_told_and_left_out(house):
    """With their lines; all of them, and the others can be asked."""
    house.write("departments/alpha_dept/src/alpha_dept/tasks.py", "x = 1\ndef (:\n")
    house.write("departments/alpha_dept/src/alpha_dept/more.py", "x = '\n")
    imports = read_imports(house.workspace, mistakes := [])
    first, second = house.told(mistakes)
    assert first.startswith("departments/alpha_dept/src/alpha_dept/more.py:1: broken Python")
    assert second.startswith("departments/alpha_dept/src/alpha_dept/tasks.py:2: broken Python")
    assert set(imports.sources) == {"beta_dept", "shared_things"}


def test_no_sources_at_all(house):
    """A workspace of empty members has an empty graph."""
    for path in house.root.glob("*/*/src/*/__init__.py"):
        path.unlink()
    imports = read_imports(house.workspace, mistakes := [])
    assert (imports.sources, imports.graph.modules, mistakes) == ({}, set(), [])


def test_nothing_of_prefect_is_imported_for_it(house):
    """It reads text alone."""
    code = "import sys, airnub_cli.check.import_graph; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
