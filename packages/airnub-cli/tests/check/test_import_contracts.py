"""Imports: the graph, with lines.
Contracts: what breaks one, and where.
"""

import random
import subprocess
import sys
from pathlib import Path

import grimp
import pytest
from importlinter.contracts.layers import LayersContract

from airnub_cli.check.import_contracts import Imports, _Reach, check_import_contracts, read_imports


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
    code = "import sys, airnub_cli.check.import_contracts; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


CONTRACT = "the contract 'departments above what they share'"


def wrong(house):
    """What is told of the contracts."""
    return house.told(check_import_contracts(house.root, read_imports(house.workspace, [])))


def test_a_good_house_keeps_its_contracts(house):
    """Nothing to tell."""
    assert wrong(house) == []


def test_a_department_that_imports_another(house):
    """The line, who imports whom, and the contract."""
    house.write("departments/alpha_dept/src/alpha_dept/tasks.py", "x = 1\nimport beta_dept\n")
    assert wrong(house) == [
        f"departments/alpha_dept/src/alpha_dept/tasks.py:2: alpha_dept.tasks imports beta_dept, which breaks {CONTRACT}"
    ]


def test_every_place_is_told(house):
    """Not the first alone."""
    house.write("departments/alpha_dept/src/alpha_dept/tasks.py", "import beta_dept\n")
    house.write("departments/alpha_dept/src/alpha_dept/more.py", "import beta_dept.settings\n")
    assert len(wrong(house)) == 2


def test_a_department_that_reaches_another_through_what_is_shared(house):
    """What is shared imports upwards, so everyone would; it is told where it stands."""
    house.write("packages/shared-things/src/shared_things/__init__.py", "import beta_dept.settings\n")
    [told] = wrong(house)
    assert told.endswith(
        f"shared_things/__init__.py:1: shared_things imports beta_dept.settings, which breaks {CONTRACT}"
    )


TWO_CONTRACTS = """
[[tool.importlinter.contracts]]
name = 'layers of alpha_dept'
type = 'layers'
layers = ['alpha_dept.flows', 'alpha_dept.settings']
[[tool.importlinter.contracts]]
name = 'settings import no module of others'
type = 'forbidden'
source_modules = ['alpha_dept.settings', 'alpha_dept.other']
forbidden_modules = ['beta_dept', 'yaml']
"""


def test_a_wrong_import_is_reported_once(house):
    """With all contracts that it breaks, by itself or by chains; and without advice to declare what has to go."""
    house.write("pyproject.toml", (house.root / "pyproject.toml").read_text() + TWO_CONTRACTS)
    house.write("departments/alpha_dept/src/alpha_dept/other.py", "import alpha_dept.settings\n")
    house.write("departments/alpha_dept/src/alpha_dept/settings.py", "import beta_dept.tasks\n")
    house.write("departments/beta_dept/src/beta_dept/tasks.py", "import yaml\n")
    imports = read_imports(house.workspace, [])
    told = house.told(check_import_contracts(house.root, imports))
    assert told == [
        "departments/alpha_dept/src/alpha_dept/settings.py:1: alpha_dept.settings imports beta_dept.tasks, which "
        "breaks the contracts 'departments above what they share' and 'settings import no module of others'"
    ]
    assert imports.broken == {("alpha_dept.settings", "beta_dept.tasks")}


def test_chains_with_a_common_import_are_reported_at_it(house):
    """With the shortest of them, and how many there are."""
    house.write("pyproject.toml", (house.root / "pyproject.toml").read_text() + TWO_CONTRACTS)
    house.write("departments/alpha_dept/src/alpha_dept/more.py", "import json\nimport yaml\n")
    for name, imported in {"settings": "more", "other": "more"}.items():
        house.write(f"departments/alpha_dept/src/alpha_dept/{name}.py", f"import alpha_dept.{imported}\n")
    assert wrong(house) == [
        "departments/alpha_dept/src/alpha_dept/more.py:2: alpha_dept.more imports yaml, so that alpha_dept.other "
        "reaches yaml, which breaks the contract 'settings import no module of others': alpha_dept.other → "
        "alpha_dept.more → yaml (chains with this import: 2)"
    ]


def test_other_contracts(house):
    """Forbidden imports with their way; modules without a layer; a circle; independence."""
    house.write("departments/alpha_dept/src/alpha_dept/a.py", "import alpha_dept.b\n")
    house.write("departments/alpha_dept/src/alpha_dept/b.py", "import alpha_dept.a, shared_things\n")
    text = (house.root / "pyproject.toml").read_text()
    house.write(
        "pyproject.toml",
        f"{text}\n[[tool.importlinter.contracts]]\nname = 'no sharing'\ntype = 'forbidden'\n"
        "source_modules = ['alpha_dept.a']\nforbidden_modules = ['shared_things']\n"
        "[[tool.importlinter.contracts]]\nname = 'inside'\ntype = 'layers'\ncontainers = ['alpha_dept']\n"
        "exhaustive = true\nlayers = ['a | b', 'department', 'flows', 'settings']\nexhaustive_ignores = ['__main__']\n"
        "[[tool.importlinter.contracts]]\nname = 'circles'\ntype = 'acyclic_siblings'\nancestors = ['alpha_dept']\n"
        "[[tool.importlinter.contracts]]\nname = 'apart'\ntype = 'independence'\n"
        "modules = ['alpha_dept', 'beta_dept']\n"
        "[[tool.importlinter.contracts]]\nname = 'of another kind'\ntype = 'nobody'\n"
        "[[tool.importlinter.contracts]]\nname = 'of nobody'\ntype = 'forbidden'\nsource_modules = ['alpha_dept']\n"
        "[[tool.importlinter.contracts]]\nname = 'of a layer that is gone'\ntype = 'layers'\n"
        "layers = ['alpha_dept', 'gamma']\n",
    )
    house.write("departments/alpha_dept/src/alpha_dept/extra.py", "")
    found = "\n".join(wrong(house))
    for expected in (
        "alpha_dept/a.py:1: alpha_dept.a imports alpha_dept.b, which breaks the contracts 'inside' and 'no sharing'",
        "alpha_dept/extra.py: contract 'inside': expected alpha_dept.extra to have a layer in pyproject.toml, found no",
        "contract 'circles': expected modules of alpha_dept without circular imports, found some",
        "contract 'of another kind': expected a type of layers, forbidden",
        "contract 'of nobody' cannot be checked",
        "contract 'of a layer that is gone' cannot be checked",
    ):
        assert expected in found
    assert "'apart'" not in found
    lines = (house.root / "pyproject.toml").read_text().splitlines()
    line = lines.index("name = 'of nobody'") + 1
    assert f"pyproject.toml:{line}: contract 'of nobody'" in found


def test_what_could_not_be_read_is_left_out(house):
    """It is told elsewhere, and the others keep their contracts."""
    house.write("departments/alpha_dept/src/alpha_dept/tasks.py", "import beta_dept\n")
    house.write("departments/alpha_dept/src/alpha_dept/broken.py", "def (:\n")
    house.write("packages/shared-things/src/shared_things/__init__.py", "import beta_dept\n")
    [told] = wrong(house)
    assert "shared_things imports beta_dept" in told


def test_a_workspace_without_contracts(house):
    """Has none to break."""
    text = (house.root / "pyproject.toml").read_text()
    house.write("pyproject.toml", text[: text.index("[tool.importlinter]")])
    assert wrong(house) == []


@pytest.mark.parametrize("seed", range(30))
def test_layers_are_kept_exactly_when_import_linter_says_so(seed):
    """It is asked where packages reach what they may not, and would say of all others that they are right."""
    dice = random.Random(seed)
    names = ["a", "b", "c", "d", "e", "outside"]
    graph = grimp.ImportGraph()
    modules = [module for name in names for module in (name, f"{name}.one", f"{name}.two")]
    for module in modules:
        graph.add_module(module)
    for _ in range(dice.choice((2, 4, 8))):
        importer, imported = dice.sample(modules, 2)
        if importer[0] != imported[0] and (importer < imported or dice.random() < 0.2):
            graph.add_import(importer=importer, imported=imported, line_number=1, line_contents="x")
    session = {"root_packages": names, "include_external_packages": True}
    contract = LayersContract("layers", session, {"layers": ["a | b | c", "d", "e"]})
    reach = _Reach(Imports(graph, dict.fromkeys(names, Path())))
    says = contract.check(graph, verbose=False).kept
    assert says or not reach.keeps(contract)
    if all(chain is None for chain in _ways(graph)):
        assert reach.keeps(contract)


def _ways(graph):
    """From where layers may not go to where."""
    for first, second in (("a", "b"), ("b", "a"), ("a", "c"), ("c", "a"), ("b", "c"), ("c", "b"), ("e", "d")):
        yield graph.find_shortest_chain(first, second, as_packages=True)
    for low in ("d", "e"):
        for high in ("a", "b", "c"):
            yield graph.find_shortest_chain(low, high, as_packages=True)
    # Between modules of `outside` there may be no way where there is one between packages.
    yield next((1 for one in graph.find_descendants("outside") if graph.find_modules_that_directly_import(one)), None)
