"""Measure the workspace's commands with 10, 100 and 500 departments.

    uv run --all-packages python -m benchmarks.scale

Each command runs several times as a separate process. Printed are medians from its start to its end, and the processor
time of all cores in brackets. Departments are generated (benchmarks/workspaces.py) and put on the import path as if
they were installed. `docker` is a stub without any image, so that only our own time is measured. The cache is in a
separate folder, which is emptied before each run with an empty cache.
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.workspaces import Made, commit, git, make

_NO_IMAGE = "#!/bin/sh\necho 'Error: no such image' >&2\nexit 1\n"
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Measured:
    """A command, and the state of the workspace in which it runs."""

    name: str
    arguments: tuple[str, ...]
    goal: float | None = None
    """Goal in seconds, with 500 departments."""
    prepare: Callable[[Made], None] = field(default=lambda _: None)
    knows: bool = True
    """Whether it runs with the cache of an earlier run."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Times of a command, in seconds."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f})"


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--departments", default="10,100,500", help="Numbers of departments; one workspace for each.")
    parser.add_argument("--only", default="", metavar="WORD", help="Only commands with this in their name.")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sizes = [int(size) for size in options.departments.split(",")]
    wanted = [one for one in measured() if options.only in one.name]
    costs: dict[tuple[str, int], Cost | None] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="airnub-scale-") as name:
            made = make(Path(name) / "workspace", size)
            environment = _environment(made, Path(name))
            # Generated files are committed, so that `--check` compares all of them.
            if any(one.arguments[0] in {"compile", "check", "new"} for one in wanted):
                _run(made, ("compile",), environment)
            commit(made.root)
            for one in wanted:
                costs[one.name, size] = _measured(one, made, environment, options.rounds)
                print(f"{size}: {one.name}: {_shown(costs[one.name, size])}", file=sys.stderr)
    print("| command | " + " | ".join(f"{size}" for size in sizes) + f" | {sizes[-1]} / {sizes[0]} | goal |")
    print("|---" * (len(sizes) + 3) + "|")
    missed = [name for name in (_row(one, sizes, costs) for one in wanted) if name]
    print("\n".join(f"missed: {name}" for name in missed))
    return 1 if missed else 0


def measured() -> Iterator[Measured]:
    """All commands, fast ones first."""
    affected = ("affected", "--base", "main", "--format", "json")
    yield Measured("affected: nothing", affected, 1)
    own, shared = "departments/team_000/src/team_000/tasks.py", "packages/airnub-core/src/airnub_core/engine.py"
    yield Measured("affected: a file of one department", affected, 1, _edit(own))
    yield Measured("affected: a file that all share", affected, 1, _edit(shared))
    yield Measured("affected: the lock, one package", affected, 1, _lock("polars"))
    yield Measured("affected: the lock, every package", affected, 1, _lock(""))
    yield Measured("affected: the registry", affected, 1, _replace("configs/departments.yaml", "-owners", "-people"))
    yield Measured("images --dry-run", ("images", "--dry-run", "--json"))
    compile_, check = ("compile", "--check"), ("check",)
    yield Measured("compile --check", compile_, 2)
    yield Measured("compile --check: one department edited", compile_, 3, _edit(own))
    yield Measured("compile --check: nothing known", compile_, 8, knows=False)
    yield Measured("template status", ("template", "status"), 5)
    yield Measured("check", check, 10)
    yield Measured("check: one department edited", check, 8, _edit(own))
    yield Measured("check: nothing known", check, 20, knows=False)
    yield Measured("new department", ("new", "department", "fresh_ROUND"), 8)


def _edit(path: str) -> Callable[[Made], None]:
    def edit(made: Made) -> None:
        with (made.root / path).open("a") as file:
            file.write("# changed\n")

    return edit


def _lock(name: str) -> Callable[[Made], None]:
    """Change the version of one package, or of every package."""

    def change(made: Made) -> None:
        file = made.root / "uv.lock"
        pattern = r'(\nname = "NAME"\nversion = "[^"]+)(?="\nsource = \{ registry)'.replace("NAME", name or '[^"]+')
        file.write_text(re.sub(pattern, r"\1.9", file.read_text()))

    return change


def _replace(path: str, before: str, after: str) -> Callable[[Made], None]:
    def replace(made: Made) -> None:
        file = made.root / path
        file.write_text(file.read_text().replace(before, after))

    return replace


def _environment(made: Made, folder: Path) -> dict[str, str]:
    docker = folder / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(_NO_IMAGE)
    docker.chmod(0o755)
    sources = [str(made.root / one / "src") for one in (*made.departments, *made.upper, *made.lower)]
    # At the end of the path, where uv puts installed members too.
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(f"import sys\n\nsys.path += {sources!r}\n")
    # With bytecode of all modules kept between commands, as uv and Python do unless this variable is set.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return inherited | {
        "PATH": f"{docker.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(site),
        "PREFECT_HOME": str(folder / "prefect"),
        "AIRNUB_CACHE": str(folder / "cache"),
    }


def _measured(one: Measured, made: Made, environment: dict[str, str], rounds: int) -> Cost | None:
    """The median of the rounds, in the committed workspace with only this command's edit."""
    one.prepare(made)
    if one.knows:
        _run(made, _of_round(one.arguments, 0), environment)
    costs = []
    for number in range(1, rounds + 1):
        if not one.knows:
            shutil.rmtree(environment["AIRNUB_CACHE"], ignore_errors=True)
        elif one.name.endswith("edited"):
            one.prepare(made)  # edited once more, so that the content differs from the round before
        costs.append(_run(made, _of_round(one.arguments, number), environment))
    git(made.root, "checkout", "--quiet", "--", ".")
    git(made.root, "clean", "--quiet", "-d", "--force")
    if None in costs:
        return None
    return sorted(filter(None, costs), key=lambda cost: cost.wall)[len(costs) // 2]


def _of_round(arguments: tuple[str, ...], number: int) -> tuple[str, ...]:
    return tuple(one.replace("ROUND", str(number)) for one in arguments)


def _run(made: Made, arguments: tuple[str, ...], environment: dict[str, str]) -> Cost | None:
    """Times of a command; None if it exceeds the time limit."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "airnub_cli", *arguments], cwd=made.root, env=environment, capture_output=True,
            text=True, check=False, timeout=_LONGEST,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        print(f"{' '.join(arguments)}: exit status {done.returncode}: {json.dumps(said[:3])}", file=sys.stderr)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _row(one: Measured, sizes: list[int], costs: dict[tuple[str, int], Cost | None]) -> str | None:
    """Print a row of the table; returns the command's name if its goal was missed."""
    found = [costs[one.name, size] for size in sizes]
    first, last = found[0], found[-1]
    growth = f"{last.wall / first.wall:.1f}" if first and last else "-"
    goal = f"{one.goal:g} s" if one.goal else "-"
    print(f"| {one.name} | {' | '.join(map(_shown, found))} | {growth} | {goal} |")
    return one.name if one.goal and (last is None or last.wall > one.goal) else None


def _shown(cost: Cost | None) -> str:
    return f"more than {_LONGEST} s" if cost is None else str(cost)


if __name__ == "__main__":
    sys.exit(main())
