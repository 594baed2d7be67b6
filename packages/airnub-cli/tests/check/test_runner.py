"""Inputs: every change of what a look goes by is another digest.
Everything: all looks, in one list.
"""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from airnub_cli import subprocesses
from airnub_cli.__main__ import main
from airnub_cli.apply import variables
from airnub_cli.cache import NO_CACHE, Cache, DeferredCache, Fingerprints
from airnub_cli.check import environments, import_contracts, isolation, runner, unchanged
from airnub_cli.check.runner import check_everything
from airnub_cli.check.unchanged import of_backend, of_imports
from airnub_cli.compile import workspace_check
from airnub_cli.compile.compilation import compile_environment

SETTINGS = "departments/alpha_dept/src/alpha_dept/settings.py"


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("pyproject.toml", "# changed\n"),
        ("packages/shared-things/pyproject.toml", "# changed\n"),
        ("packages/shared-things/src/shared_things/new.py", ""),
        (SETTINGS, "import json\n"),
        (SETTINGS, "from . import flows\n"),
        (SETTINGS, "from .. import flows\n"),
        (SETTINGS, "from os import (  # )\n    path,\n)\n"),
        (SETTINGS, "x = 1; import json\n"),
        (SETTINGS, "def f():\n    try:\n        pass\n    except E:\n        import json\n"),
        (SETTINGS, "match 1:\n    case 1:\n        import json\n"),
        (SETTINGS, "class A:\n    if x:\n        pass\n    else:\n        async def f():\n            import json\n"),
        (SETTINGS, "__import__('beta_dept')\n"),
    ],
)
def test_imports_go_by_imports_and_projects(house, path, change):
    """By nothing of the backend's files, and by no other statement."""
    before = of_imports(house.workspace, Fingerprints(house.workspace))
    house.write("configs/variables/alpha_dept/ingestion.yaml", "days: 7\n")
    assert of_imports(house.workspace, Fingerprints(house.workspace)) == before
    with (house.root / "departments/alpha_dept/src/alpha_dept/settings.py").open("a") as sources:
        sources.write("CHANGED = 1  # import json\n")
    assert of_imports(house.workspace, Fingerprints(house.workspace)) == before
    file = house.root / path
    house.write(path, (file.read_text() if file.is_file() else "") + change)
    assert of_imports(house.workspace, Fingerprints(house.workspace)) != before


def test_imports_that_cannot_be_read_have_no_digest(house):
    """`read_imports` reports the file."""
    house.write("departments/alpha_dept/src/alpha_dept/tasks.py", "def (:\n")
    assert of_imports(house.workspace, Fingerprints(house.workspace)) is None


@pytest.mark.parametrize(
    "path",
    [
        "configs/variables/alpha_dept/ingestion.yaml",
        "configs/blocks/new.yaml",
        "configs/environments/local.yaml",
        "infra/work-pools/alpha-dept.yaml",
        "departments/alpha_dept/src/alpha_dept/settings.py",
        "packages/shared-things/src/shared_things/__init__.py",
    ],
)
def test_the_backend_goes_by_its_files_and_settings(house, path):
    """And by nothing that is written beside."""
    before = of_backend(house.workspace, Fingerprints(house.workspace))
    house.write("docs/new.md", "x")
    assert of_backend(house.workspace, Fingerprints(house.workspace)) == before
    file = house.root / path
    house.write(path, (file.read_text() if file.is_file() else "") + "# changed\n")
    assert of_backend(house.workspace, Fingerprints(house.workspace)) != before


def test_the_backend_goes_by_secrets_of_the_environment(house):
    """A secret in `.env` needs no block, and no placeholder that names it."""
    before = of_backend(house.workspace, Fingerprints(house.workspace))
    house.write(".env", "AIRNUB_SECRET_TOKEN=x\n")
    assert of_backend(house.workspace, Fingerprints(house.workspace)) != before


def test_the_backend_goes_by_what_fills_placeholders(house, monkeypatch):
    """By those that are written, and no others."""
    house.write("configs/variables/alpha_dept/ingestion.yaml", "days: ${HOW_MANY:-2}\n")
    before = of_backend(house.workspace, Fingerprints(house.workspace))
    monkeypatch.setenv("SOMETHING", "1")
    assert of_backend(house.workspace, Fingerprints(house.workspace)) == before
    house.write(".env", "HOW_MANY=4\n")
    written = of_backend(house.workspace, Fingerprints(house.workspace))
    monkeypatch.setenv("HOW_MANY", "5")
    assert len({before, written, of_backend(house.workspace, Fingerprints(house.workspace))}) == 3


@pytest.fixture(autouse=True)
def locked(monkeypatch):
    """The lock is asked of uv, and has tests of its own."""
    monkeypatch.setattr(runner, "check_lock", lambda root: [])


@pytest.fixture
def compiled(house):
    """The house with its root `prefect.yaml`, of which nothing is imported yet."""
    house.write("prefect.yaml", compile_environment(house.workspace))
    for name in [one for one in sys.modules if one.partition(".")[0] in {"alpha_dept", "beta_dept"}]:
        del sys.modules[name]
    return house


def test_a_good_house_has_no_mistakes(compiled):
    """None at all."""
    assert compiled.told(check_everything(compiled.root)) == []


def test_a_project_that_cannot_be_read_comes_first(compiled):
    """Nothing else can be said before it is mended, and both are told."""
    compiled.write("departments/alpha_dept/pyproject.toml", "[project\n")
    compiled.write("departments/gamma_dept/README.md", "x")
    first, second = compiled.told(check_everything(compiled.root))
    assert first.startswith("departments/alpha_dept/pyproject.toml:1: broken TOML")
    assert second.startswith(
        "departments/gamma_dept/pyproject.toml: expected a pyproject.toml in each folder of departments/"
    )


def test_mistakes_of_every_kind_are_reported_at_once(compiled):
    """Sorted by file and line, each once."""
    compiled.change(
        "departments/alpha_dept/src/alpha_dept/settings.py",
        "    days",
        "    model_config = {'extra': 'allow'}\n    days",
    )
    compiled.change(
        "departments/alpha_dept/src/alpha_dept/flows/ingestion.py", "import shared_things", "import beta_dept, numpy"
    )
    compiled.change("departments/beta_dept/prefect.yaml", "description", "descriptoin")
    compiled.write(
        "departments/beta_dept/src/beta_dept/flows/more.py", "from prefect import flow\n\n\n@flow\ndef more(): ...\n"
    )
    compiled.write("configs/variables/beta_dept/ingestion.yaml", "dais: 2\n")
    (compiled.root / "departments/beta_dept/README.md").unlink()
    found = "\n".join(compiled.told(check_everything(compiled.root)))
    for expected in (
        "configs/variables/beta_dept/ingestion.yaml:1: unknown key 'dais'; did you mean 'days'?",
        "alpha_dept/flows/ingestion.py:2: alpha-dept imports numpy, and does not declare",
        "alpha_dept/flows/ingestion.py:2: alpha_dept.flows.ingestion imports beta_dept, which breaks the contract",
        "departments/alpha_dept/src/alpha_dept/settings.py:4: expected extra='forbid' in Settings",
        "departments/beta_dept/README.md: expected this file, found none",
        "departments/beta_dept/prefect.yaml:4: unknown key 'deployments.0.descriptoin'",
        "departments/beta_dept/src/beta_dept/flows/more.py:4: expected a deployment of flow beta_dept.flows.more.more",
    ):
        assert expected in found
    assert "imports beta_dept, and does not declare" not in found  # declaring it would not keep the contract


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        (
            "settings",
            "import alpha_dept.gone",
            "importing raises ModuleNotFoundError: No module named 'alpha_dept",
        ),
        ("settings", "from shared_things import Gone", "importing raises ImportError: cannot import name 'Gone' from"),
        ("settings", "import not_installed_here", "alpha-dept imports not_installed_here, and does not declare not"),
        ("settings", "def (:", "broken Python: invalid syntax"),
        (
            "datasets",
            "import alpha_dept.gone",
            "importing raises ModuleNotFoundError: No module named 'alpha_dept",
        ),
        (
            "department",
            "import alpha_dept.gone",
            "importing raises ModuleNotFoundError: No module named 'alpha_dept",
        ),
        ("demo", "import alpha_dept.gone", "importing raises ModuleNotFoundError: No module named 'alpha_dept"),
    ],
)
def test_a_wrong_import_is_reported_once(compiled, publishing, file, text, expected):
    """Not for each deployment, stage, Variable and contract that needs the module."""
    path = compiled.root / f"departments/alpha_dept/src/alpha_dept/{file}.py"
    content = path.read_text()
    path.write_text(f"{content}{text}\n")
    [told] = compiled.told(check_everything(compiled.root))
    place = f"departments/alpha_dept/src/alpha_dept/{file}.py:{len(content.splitlines()) + 1}"
    assert told.startswith(f"{place}: {expected}")


def test_an_unreadable_file_is_reported_alone(compiled):
    """Not with each flow, which would have no deployment, and each environment that names one."""
    path = compiled.root / "departments/alpha_dept/prefect.yaml"
    path.write_bytes(path.read_bytes() + b"# Z\xfcrich\n")
    [told] = compiled.told(check_everything(compiled.root))
    assert "prefect.yaml:" in told
    assert "found byte 0xfc" in told


def test_a_generated_file_with_other_bytes_is_stale(compiled):
    """It was a traceback."""
    path = compiled.root / "prefect.yaml"
    path.write_bytes(path.read_bytes() + b"# Z\xfcrich\n")
    [told] = compiled.told(check_everything(compiled.root))
    assert told == "prefect.yaml: expected the output of `uv run airnub compile`, found a different text; run it"


CHECKED = """
import json, os, sys
from pathlib import Path
from airnub_cli.cache import NO_CACHE, DeferredCache
from airnub_cli.check import runner

check_files = runner._check_files
def files(*arguments):
    mistakes, broken, entries = check_files(*arguments)
    return mistakes, broken, [*entries, ("process", "", os.getpid())]
runner._check_files, runner.check_lock = files, lambda root: []
new = DeferredCache(NO_CACHE)
found = runner.check_everything(Path(sys.argv[1]), new)
process, entries = new.get("process", ""), sorted(entry[:2] for entry in new.entries if entry[1])
print(json.dumps([process != os.getpid(), list(map(str, found)), entries]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_two_processes_find_what_one_does(compiled, monkeypatch):
    """Mistakes of both, and the same cache entries, none of which is that of a check with mistakes."""
    compiled.change(
        "departments/alpha_dept/src/alpha_dept/flows/ingestion.py", "import shared_things", "import beta_dept, numpy"
    )
    compiled.write("departments/beta_dept/src/beta_dept/broken.py", "def (:\n")
    compiled.write("configs/variables/beta_dept/ingestion.yaml", "dais: 2\n")
    monkeypatch.chdir(compiled.root)
    made = subprocess.check_output([sys.executable, "-c", CHECKED, compiled.root])
    in_child, found, entries = json.loads(made)
    assert in_child
    new = DeferredCache(NO_CACHE)
    monkeypatch.setattr(subprocesses, "can_fork", lambda: False)
    assert found == list(map(str, check_everything(compiled.root, new)))
    kinds = {"dependencies", "imports", "imports_of"}
    of_files = [entry for entry in entries if entry[0] in kinds]
    assert of_files == sorted([kind, digest] for kind, digest, _ in new.entries if kind in kinds)
    for expected in ("numpy, and does not declare", "broken.py:1: broken Python", "unknown key 'dais'"):
        assert expected in "\n".join(found)
    assert {kind for kind, _ in of_files} == {"dependencies", "imports_of"}


def test_a_compiled_file_that_is_stale(compiled):
    """The file and the command that writes it."""
    compiled.change("prefect.yaml", "Things.", "Other things.")
    assert compiled.told(check_everything(compiled.root)) == [
        "prefect.yaml: expected the output of `uv run airnub compile`, found a different text; run it"
    ]


def test_a_change_that_breaks_a_reader_names_it_for_github_too(publishing, monkeypatch):
    """Code and contract changed alike: the reader's own line is told, and nothing else is wrong."""
    publishing.write("prefect.yaml", compile_environment(publishing.workspace))
    monkeypatch.chdir(publishing.root)
    contract = "departments/alpha_dept/contracts/rain.v1.yaml"
    publishing.change(contract, "rain: {type: float64", "rain: {type: int64")
    publishing.change("departments/alpha_dept/src/alpha_dept/datasets.py", '"rain": ("float64"', '"rain": ("int64"')
    done = CliRunner().invoke(main, ["check", "--format", "github"])
    assert (done.exit_code, done.stdout.splitlines()) == (1, [
        "::error file=departments/beta_dept/reads.yaml,line=8::beta_dept reads rain of alpha_dept/rain v1, expected "
        f"float64, found int64 in {contract}:8; leave v1 as it was, and publish the change as v2 beside it until "
        "beta_dept reads v2"
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            ("department", text)
            for text in ("", "def x(:\n", "1 / 0\n", "raise SystemExit(3)\n", "import gone_away\n", None)
        ),
        # Other modules are imported in the same way: what may be wrong in each, and what one may lack.
        *((name, text) for name in ("settings", "demo", "flows/ingestion") for text in ("", "1 / 0\n", None)),
    ],
)
def test_what_cannot_be_imported_is_reported_and_nothing_is_raised(compiled, name, text):
    """Whatever a department's modules do, the others are looked at, too."""
    path = compiled.root / "departments" / "alpha_dept" / "src" / "alpha_dept" / f"{name}.py"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    compiled.write("configs/variables/beta_dept/ingestion.yaml", "dayz: 1\n")
    for module in [one for one in sys.modules if one.startswith("alpha_dept")]:
        del sys.modules[module]  # compiling has imported them as they were
    told = compiled.told(check_everything(compiled.root))
    assert any("alpha_dept" in line for line in told)
    assert any(line.startswith("configs/variables/beta_dept/ingestion.yaml:1") for line in told)


def test_what_was_right_is_not_looked_at_again(compiled, monkeypatch, tmp_path_factory):
    """Until something that it went by is another; then it is as without memory."""
    cache = Cache(tmp_path_factory.mktemp("cache"))
    assert check_everything(compiled.root, cache) == []
    looks = []
    monkeypatch.setattr(import_contracts, "read_imports", lambda *_: looks.append("imports"))
    monkeypatch.setattr(workspace_check, "_judge", lambda member: looks.append(member.module))
    monkeypatch.setattr(environments, "check_backend", lambda *_: looks.append("backend") or [])
    assert check_everything(compiled.root, cache) == []
    assert looks == []
    compiled.change("configs/variables/alpha_dept/ingestion.yaml", "2", "3")
    check_everything(compiled.root, cache)
    assert looks == ["backend"]
    monkeypatch.undo()
    compiled.write("departments/alpha_dept/src/alpha_dept/flows/ingestion.py", "import beta_dept, numpy\n")
    with_cache = check_everything(compiled.root, cache)
    assert with_cache == check_everything(compiled.root)
    assert len(with_cache) == 3  # the contract, the undeclared package, the lock


def test_only_an_edited_department_is_checked_again(compiled, monkeypatch, tmp_path_factory):
    """Its syntax, its dependencies and its Variables; a mistake in it is found, and not cached."""
    cache = Cache(tmp_path_factory.mktemp("cache"))
    assert check_everything(compiled.root, cache) == []
    compiled.change("configs/variables/alpha_dept/ingestion.yaml", "2", "3")
    with (compiled.root / "departments/alpha_dept/src/alpha_dept/settings.py").open("a") as file:
        file.write("import json  # an import, so that dependencies are checked too\n")
    looks = []
    before, parsed, declared = variables._of_department, unchanged._imports, isolation._undeclared
    monkeypatch.setattr(variables, "_of_department", lambda one, *more: looks.append(one.name) or before(one, *more))
    monkeypatch.setattr(
        unchanged, "_imports", lambda path: looks.append(path.parts[-2].partition(".")[0]) or parsed(path)
    )
    monkeypatch.setattr(
        isolation, "_undeclared", lambda one, member, *more: looks.append(member.module) or declared(one, member, *more)
    )
    assert check_everything(compiled.root, cache) == []
    assert set(looks) - {"flows"} == {"alpha_dept"}
    compiled.write("configs/variables/alpha_dept/ingestion.yaml", "dais: 2\n")
    for _ in range(2):
        [found] = compiled.told(check_everything(compiled.root, cache))
        assert found.startswith("configs/variables/alpha_dept/ingestion.yaml:1: unknown key 'dais'")


def test_a_warning_is_remembered_and_not_hidden(compiled, monkeypatch, tmp_path_factory):
    """It is found again without another look, also by another checkout, and goes when its reason does."""
    compiled.change("departments/alpha_dept/src/alpha_dept/settings.py", "import StageSettings", "import StoreSettings")
    # Of another size: bytecode of a file that was written within the same second is taken for that of this one.
    compiled.change("departments/alpha_dept/src/alpha_dept/settings.py", "(StageSettings,", "(StoreSettings, ")
    settings = "configs/variables/alpha_dept/ingestion.yaml"
    compiled.write(settings, "store: data\nindex: {block: secret/index-url}\n")
    cache = Cache(tmp_path_factory.mktemp("cache"))
    found = check_everything(compiled.root, cache)
    expected = f"{settings}:2: warning: no file has the block secret/index-url"
    assert [line[: len(expected)] for line in compiled.told(found)] == [expected], found
    [first] = found
    looks = []
    with monkeypatch.context() as patched:
        patched.setattr(environments, "check_backend", lambda *_: looks.append("backend") or [])
        assert check_everything(compiled.root, cache) == [first]
    assert looks == []
    monkeypatch.setenv("AIRNUB_SECRET_INDEX_URL", "x")
    assert check_everything(compiled.root, cache) == []


def test_a_conflict_is_the_only_mistake(compiled):
    """Its marks break whatever reads the file: without it, as many mistakes as looks would be reported."""
    subprocess.run(["git", "init", "-q"], cwd=compiled.root, check=True)
    path = "departments/alpha_dept/src/alpha_dept/settings.py"
    compiled.change(
        path, "    days: int = 1\n", "<<<<<<< a\n    days: int = '1\n=======\n    days: int = 2\n>>>>>>> b\n"
    )
    [found] = compiled.told(check_everything(compiled.root))
    assert found.startswith(f"{path}:5: expected no conflict mark, found <<<<<<< of a merge")
