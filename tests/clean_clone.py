"""Run the README's first command on a new machine: a clean clone, an empty home, empty caches (`.ci/run readme`).

    python3 tests/clean_clone.py

Runs it twice, and checks what it left: the store, the database of Prefect, and processes. Needs git and Python.
"""

import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = ("PREFECT_", "UV_CACHE", "UV_PROJECT", "VIRTUAL_ENV", "AIRNUB_", "XDG_", "COVERAGE_", "PYTHON")

# `uv run` installs the root's dependencies, which include only one department, the example. `doctor` exits with 0 if
# nothing is missing.
AIRNUB = (
    "doctor", "check", "compile --check", "compile --env sample", "members", "affected --base HEAD", "template status",
    "kubernetes --env cluster", "sbom project-alpha",
)  # fmt: skip

FURTHER = (
    *((".", f"uv run airnub {arguments}") for arguments in AIRNUB),
    (".", "uv run --package project-alpha project-alpha list"),
    ("departments/project_alpha", "uv run project-alpha list"),
    ("packages/airnub-common", "uv run pytest -q"),
)
"""Commands of other pages, and where they are typed."""


def main() -> None:
    """Run the command twice, check the results, and print how long each step took."""
    with tempfile.TemporaryDirectory(prefix="airnub-clone-") as name:
        folder = Path(name)
        clone, home = folder / "airnub", folder / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        environment = stranger(folder, home)
        command = re.findall(r"```sh\n(.*?)\n```", (clone / "README.md").read_text(), re.DOTALL)[0]
        for expected in ("13 items are new", "everything is unchanged"):
            started = time.monotonic()
            done = subprocess.run(command, shell=True, cwd=clone, env=environment, capture_output=True, text=True)
            seconds = time.monotonic() - started
            print(done.stdout[-1800:], flush=True)
            assert done.returncode == 0, done.stderr
            assert "Traceback" not in done.stdout + done.stderr, done.stderr
            assert expected in done.stdout, done.stdout
            print(f"    {seconds:.1f} s: {command}\n", flush=True)
        check_store(clone / "data" / "demo" / "project_alpha" / "store")
        check_records(home / ".prefect" / "prefect.db")
        for place, further in FURTHER:
            typed = subprocess.run(
                further, shell=True, cwd=clone / place, env=environment, capture_output=True, text=True
            )
            assert typed.returncode == 0, f"{further}\n{typed.stdout[-1800:]}\n{typed.stderr}"
            assert "✗" not in typed.stdout, typed.stdout
        check_processes(str(folder))
        subprocess.run(["git", "diff", "--exit-code"], cwd=clone, check=True)
    print("a clean clone does what the README says")


def stranger(folder: Path, home: Path) -> dict[str, str]:
    """The environment of a user with only Python: `pip` installs into a virtual environment."""
    subprocess.run([sys.executable, "-m", "venv", folder / "python"], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    path = [str(folder / "python" / "bin"), *(os.environ["PATH"].split(os.pathsep))]
    kept = [part for part in path if not (Path(part) / "uv").exists() or part == path[0]]
    return environment | {"HOME": str(home), "PATH": os.pathsep.join(kept)}


def check_store(store: Path) -> None:
    """Every object has the digest in its folder's name, and a manifest."""
    objects = [path for path in store.glob("[!.]*/??/*/*") if not path.name.endswith(".manifest.json")]
    # Six files; from the API four pages of records, the empty page after them, and the file of all records.
    assert len(objects) == 12, objects
    for path in objects:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.parent.name, path
        manifest = json.loads(path.with_name(f"{path.name}.manifest.json").read_text())
        assert manifest["path"] == path.relative_to(store).as_posix(), path


def check_records(database: Path) -> None:
    """Every run, task run and artifact of both demos was recorded, all of them Completed."""
    with sqlite3.connect(database) as connection:
        runs = dict(connection.execute("SELECT state_type, count(*) FROM flow_run GROUP BY state_type"))
        tasks = dict(connection.execute("SELECT state_type, count(*) FROM task_run GROUP BY state_type"))
        [[artifacts]] = connection.execute("SELECT count(*) FROM artifact")
    # A demo has the runs of the pipeline, three stages and three categories; 7 tasks, and 6 task runs for subflows; a
    # table and a summary for each stage, three more of the analysis, and a progress bar for each category.
    assert runs == {"COMPLETED": 2 * 7}, runs
    assert tasks == {"COMPLETED": 2 * 13}, tasks
    assert artifacts == 2 * 15, artifacts


def check_processes(word: str) -> None:
    """No started process is left."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    left = [line for line in listed.splitlines() if word in line and str(os.getpid()) not in line.split()[:1]]
    assert not left, left


if __name__ == "__main__":
    main()
