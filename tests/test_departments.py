"""Departments are created, checked, run, changed and removed, on a copy of this repository with its own environment."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airnub_cli.configuration.environment import load_environment
from airnub_cli.configuration.registry import load_registry
from airnub_cli.new import creation
from airnub_core.sample_site import Reply, SampleSite

sys.path.insert(0, str(Path(__file__).parent / "importable"))
from repository_copy import airnub, changes, commit, copied, environment, run

pytestmark = pytest.mark.system

KILLS = int(os.environ.get("AIRNUB_KILLS_OF_NEW", "2"))


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A committed copy of the files that git tracks or would add, with everything installed."""
    return copied(tmp_path_factory.mktemp("copy") / "repository")


def test_a_department_from_its_first_day_to_its_last(copy):
    """All checks pass without an edit, also with one more category; after its removal, all files are as before.

    The files outside of its folder are those that `creation` lists.
    """
    options = ("--stages", "ingestion,processing", "--categories", "scheduled_file_downloads")
    owner = ("--owner", "team-money", "--display-name", "Money & Co")
    said = airnub(copy, "new", "department", "accounts", *owner, *options)
    written = {line.removesuffix(" is written") for line in said.splitlines() if line.endswith(" is written")}
    settings = {path for path in written if path.startswith("configs/variables/accounts/")}
    listed = re.findall(r"^    (\S+)  ", creation.__doc__, re.MULTILINE)
    names = {path.replace("NAME", "accounts").replace("COMMAND", "accounts") for path in listed}
    assert (written - settings) | {"configs/variables/accounts/"} == names
    assert len(settings) == 2
    airnub(copy, "new", "category", "accounts", "ingestion", "keepers", "--like", "public_api_data")
    stage = copy / "departments/accounts/src/accounts/flows/ingestion/stage.py"
    assert "    report += await keepers(settings.category(settings.keepers), force)\n" in stage.read_text()
    replaced = {name: load_environment(copy, name).replaced_sources().get("accounts") for name in ("local", "sample")}
    assert replaced == {"local": None, "sample": ["scheduled_file_downloads"]}
    owners = f"/departments/accounts/ @{load_registry(copy).organisation}/team-money"
    assert owners in (copy / ".github/CODEOWNERS").read_text()
    run(copy, ".venv/bin/ruff", "check")
    run(copy, ".venv/bin/ruff", "format", "--check")
    run(copy, ".venv/bin/mypy", "departments/accounts/src")
    warnings = airnub(copy, "check").splitlines()
    assert warnings[0].startswith("departments/accounts/README.md:3: warning: expected the purpose of accounts")
    assert all(": warning: " in line for line in warnings)
    run(copy, ".venv/bin/python", "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "departments/accounts")
    commit(copy)
    assert airnub(copy, "template", "status", "accounts").startswith("accounts: ")
    assert "departments/accounts/ will be removed" in airnub(copy, "remove", "department", "accounts", "--yes")
    commit(copy)
    assert run(copy, "git", "diff", "HEAD~2", "--stat") == ""
    assert not (copy / "departments/accounts").exists()


ROWS = b"location,date,precipitation,temp_max,temp_min\nSeattle,2012-02-01,0.0,12.8,5.0\n"
CONFIG = """\
store: data/own
network: {allow_private_hosts: true}
scheduled_file_downloads: [{name: measurements, urls: ["%s"]}]
"""


def test_an_empty_department_is_green_and_ingests(copy, tmp_path):
    """Without the template's data: with its own source it fetches, and the processing makes its dataset."""
    airnub(copy, "new", "department", "own", "--empty")
    run(copy, ".venv/bin/ruff", "check", "departments/own")
    run(copy, ".venv/bin/ruff", "format", "--check", "departments/own")
    run(copy, ".venv/bin/mypy", "departments/own/src")
    assert all(": warning: " in line for line in airnub(copy, "check").splitlines())
    command = (".venv/bin/python", "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "departments/own")
    assert " passed" in run(copy, *command)
    config = tmp_path / "ingestion.yaml"
    with SampleSite({"/rows.csv": Reply(ROWS)}) as site:
        config.write_text(CONFIG % site.url("/rows.csv"))
        own = ("env", f"AIRNUB_DATA_ROOT={tmp_path}", ".venv/bin/python", "-m", "own", "run")
        [item] = json.loads(run(copy, *own, "ingestion", "--config", str(config), "--json"))["items"]
    assert (item["source"], item["outcome"], item["size"]) == ("measurements", "stored", len(ROWS))
    [made] = json.loads(run(copy, *own, "processing", "--json"))["items"]
    assert (made["outcome"], made["rows"]) == ("stored", 1)
    airnub(copy, "remove", "department", "own", "--yes")
    run(copy, "git", "clean", "-qfd", "departments/own")
    assert changes(copy) == ""


WITHOUT_TABLES = """\
from importlib.util import find_spec

import pytest


@pytest.mark.parametrize("package", ["airnub_data", "deltalake", "polars"])
def test_it_is_not_installed(package):
    assert find_spec(package) is None
"""


def test_a_department_that_keeps_files_as_they_are_has_no_tables(copy):
    """With only its declared dependencies its tests pass, and neither polars nor Delta Lake is installed."""
    airnub(copy, "new", "department", "archive", "--stages", "ingestion", "--categories", "scheduled_file_downloads")
    (copy / "departments/archive/tests/test_without_tables.py").write_text(WITHOUT_TABLES)
    said = airnub(copy, "test", "archive", "--pytest=-n0", "--pytest=-rA")
    assert said.count("PASSED tests/test_without_tables.py::test_it_is_not_installed") == 3
    airnub(copy, "remove", "department", "archive", "--yes")
    run(copy, "git", "clean", "-qfd", "departments/archive")
    assert changes(copy) == ""


def test_killed_at_random_there_is_all_of_it_or_nothing(copy):
    """The next command rolls back. Tests of airnub-cli's transaction cover each rename."""
    generator = random.Random()
    airnub(copy, "members")
    assert changes(copy) == ""
    for _ in range(KILLS):
        started = subprocess.Popen(
            [".venv/bin/python", "-m", "airnub_cli", "new", "department", "orders"], cwd=copy, env=environment(),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(generator.uniform(0.2, 5))
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        airnub(copy, "members")
        if "departments/orders/" in changes(copy):
            airnub(copy, "compile", "--check")
            airnub(copy, "remove", "department", "orders", "--yes")
        assert changes(copy) == ""


def test_by_hand_what_is_left_to_do_is_said(copy):
    """A copy that is not registered is an error; after that, generated lists are reported as stale."""
    try:
        caches = shutil.ignore_patterns("__pycache__", ".*_cache")
        shutil.copytree(copy / "departments/_template", copy / "departments/orders", ignore=caches)
        folder = copy / "departments/orders"
        (folder / "src/department_template").rename(folder / "src/orders")
        for path in folder.rglob("*"):
            if path.is_file():
                text = path.read_text().replace("department_template", "orders")
                path.write_text(text.replace("department-template", "orders").replace("Department Template", "Orders"))
        compiled = ("env", "PYTHONPATH=departments/orders/src", ".venv/bin/python", "-m", "airnub_cli", "compile")
        done = subprocess.run(
            [*compiled, "--check"], cwd=copy, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "expected an entry of department 'orders', found none" in done.stderr
        (folder / "registration/variables").rename(copy / "configs/variables/orders")
        (folder / "registration/work-pool.yaml").rename(copy / "infra/work-pools/orders.yaml")
        entry = (folder / "registration/departments.yaml").read_text().partition("departments:\n")[2]
        registry = copy / "configs/departments.yaml"
        registry.write_text(registry.read_text() + entry)
        lines = (folder / "registration/sample.yaml").read_text().partition("variables:\n")[2]
        sample = copy / "configs/environments/sample.yaml"
        sample.write_text(sample.read_text() + lines)
        shutil.rmtree(folder / "registration")
        done = subprocess.run(
            [*compiled, "--check"], cwd=copy, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        for name in ("pyproject.toml", "docker-compose.yml", ".github/CODEOWNERS", "prefect.yaml"):
            assert f"{name} is stale; `airnub compile` writes it" in done.stderr
        run(copy, *compiled)
        run(copy, *compiled, "--check")
    finally:
        run(copy, "git", "checkout", "-q", ".")
        run(copy, "git", "clean", "-fdq", "departments", "configs", "infra")
