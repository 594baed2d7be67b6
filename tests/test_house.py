"""The workspace as a whole: `airnub check` finds no error, and no file contains a path of one machine."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from airnub_cli.configuration.registry import Names, Registry, renamed
from airnub_cli.template.moved_names import MOVED
from airnub_prefect.validation import load_yaml

ROOT = Path(__file__).parents[1]


@pytest.mark.system
def test_everything_is_as_it_should_be():
    """`airnub check` reports no error, as in `.ci/run lint`.

    Only `.ci/run` checks the lock, since uv may contact a registry.
    """
    code = (
        "import sys; from pathlib import Path; from airnub_cli.check import runner\n"
        "runner.check_lock = lambda root: ()\n"
        "print(*runner.check_everything(Path.cwd()), sep='\\n', end='')"
    )
    # In a separate process, since it imports every department and must not use modules that other tests imported.
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


@pytest.mark.example
def test_what_the_template_brings_is_what_the_example_has():
    """The template's registration files equal project_alpha's pool, image and worker, except for the name."""
    folder, alpha = ROOT / "departments" / "_template" / "registration", Names("project_alpha")
    [entry] = load_yaml(Registry, folder / "departments.yaml").departments
    assert entry.id == "department_template"
    pool = (ROOT / "infra" / "work-pools" / "project-alpha.yaml").read_text()
    assert renamed((folder / "work-pool.yaml").read_text(), alpha) == pool
    services = (folder / "docker-compose.yml").read_text().partition("services:\n")[2]
    assert renamed(services, alpha) in (ROOT / "docker-compose.yml").read_text()


def test_the_repository_names_no_place_outside_of_it():
    """Only the lock names a package registry, and no file names a folder of a machine."""
    # Written so that this line does not match itself.
    forbidden = r"(pypi\.or[g]|pythonhosted\.or[g]|(^|[^A-Za-z0-9_.])/(root|home|Users)[/])"
    command = ["git", "grep", "-nIE", forbidden, "--", ".", ":!uv.lock"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode == 128:
        pytest.skip("not a git checkout")
    # The home folder of the user in our images is allowed.
    lines = [line for line in found.stdout.splitlines() if re.search(forbidden, line.replace("/home/airnub", ""))]
    assert lines == []


@pytest.mark.parametrize("name", MOVED)
def test_names_that_an_update_rewrites_imports_to_are_there(name):
    """Each new name is in the module of airnub_data from which `airnub template update` imports it."""
    assert hasattr(import_module(MOVED[name]), name)


def test_the_port_of_a_prefect_server_has_one_home():
    """Python code takes it from `api_url`; only files in other languages repeat it."""
    folders = [*ROOT.glob("packages/*/src"), *ROOT.glob("departments/*/src"), ROOT / "benchmarks"]
    written = [path for folder in folders for path in folder.rglob("*.py") if re.search(r"\b4200\b", path.read_text())]
    assert written == [ROOT / "packages/airnub-prefect/src/airnub_prefect/api_url.py"]


def test_prefect_is_pinned_once():
    """All members that limit Prefect's version, and generated workspaces, have the same limits."""
    files = [*ROOT.glob("packages/*/pyproject.toml"), *ROOT.glob("departments/*/pyproject.toml")]
    files.append(ROOT / "benchmarks" / "workspaces.py")
    pin = re.compile(r'"prefect(?:", \(\), ")?([<>=~!][^"]*)"')
    pins = {path.relative_to(ROOT).as_posix(): limits for path in files for limits in pin.findall(path.read_text())}
    assert len(pins) >= 3
    assert len(set(pins.values())) == 1, pins
