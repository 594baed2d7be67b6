"""`airnub test`: test a member's wheel in isolation, with only its declared dependencies installed.

This finds imports of packages that a member does not declare: in the workspace's own environment, the dependencies of
all members are installed.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import click

from airnub_cli import subprocesses
from airnub_cli.commands import CommandError
from airnub_cli.subprocesses import ProgramError
from airnub_cli.workspace import Member, Workspace, WorkspaceError
from airnub_prefect.exit_codes import COMPLETED, FAILED

# The packages of all tests, which no member may use otherwise.
TEST_TOOLS = (
    "pytest", "pytest-cov", "pytest-randomly", "pytest-xdist", "hypothesis", "moto[s3]", "flask", "flask-cors",
    "openpyxl",
)  # fmt: skip
_BYTECODE = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")


def run_each_alone(
    workspace: Workspace, members: Sequence[Member], arguments: Sequence[str], jobs: int
) -> Iterator[tuple[Member, int, str]]:
    """Test several members at once.

    Args:
        workspace: the checkout.
        members: the members to test.
        arguments: for pytest.
        jobs: number of members to test in parallel.

    Yields:
        Each member in the order of `members`, with the status of `run_alone` and the whole output.
    """

    def run(member: Member) -> tuple[Member, int, str]:
        with tempfile.TemporaryFile() as output:
            status = run_alone(workspace, member, arguments, output)
            output.seek(0)
            return member, status, output.read().decode(errors="replace")

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(run, members)


def run_alone(
    workspace: Workspace, member: Member, arguments: Sequence[str] = (), output: IO[bytes] | None = None
) -> int:
    """Build a member's wheel, install it in a new environment, and run the member's tests against it.

    Args:
        workspace: the checkout.
        member: the member to test.
        arguments: for pytest.
        output: receives the output; by default stdout and stderr.

    Returns:
        The exit status of pytest, or of the first step that failed.

    Raises:
        ProgramError: uv is not installed.
    """
    with tempfile.TemporaryDirectory(prefix=f"airnub-{member.name}-") as name:
        folder = Path(name)
        try:
            python = _environment(workspace, member, folder, output)
        except _StepFailedError as error:
            return error.status
        # The tests are copied: beside the sources, files that the wheel lacks would be found.
        shutil.copytree(member.folder / "tests", folder / "tests")
        for settings in ("pyproject.toml", "conftest.py"):
            if (workspace.root / settings).exists():
                shutil.copy(workspace.root / settings, folder)
        # The new environment has no bytecode: if writing it is disabled, each test process compiles everything.
        environment = {name: value for name, value in os.environ.items() if name not in _BYTECODE}
        command = [str(python), "-m", "pytest", "tests", *arguments]
        return _status(command, folder, output, env=environment)


def _environment(workspace: Workspace, member: Member, folder: Path, output: IO[bytes] | None) -> Path:
    wheels, locked = folder / "wheels", folder / "locked.txt"
    for one in workspace.closure(member):
        _uv(workspace, output, "build", "--quiet", "--wheel", "--out-dir", wheels, "--package", one.name)
    # The lock only constrains versions; the metadata of the wheel decides what is installed.
    _uv(
        workspace, output, "export", "--quiet", "--frozen", "--all-packages", "--all-extras", "--all-groups",
        "--no-hashes", "--no-emit-workspace", "--no-annotate", "--output-file", locked,
    )  # fmt: skip
    _uv(workspace, output, "venv", "--quiet", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    [wheel] = wheels.glob(f"{member.module}-*.whl")
    extras = f"[{','.join(member.extras)}]" if member.extras else ""
    _uv(
        workspace, output, "pip", "install", "--quiet", "--python", python, "--find-links", wheels, "--constraint",
        locked, f"{member.name}{extras} @ {wheel.as_uri()}", *TEST_TOOLS,
    )  # fmt: skip
    return python


class _StepFailedError(Exception):
    """A step before the tests failed; its output has the reason."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _uv(workspace: Workspace, output: IO[bytes] | None, *arguments: object) -> None:
    if status := _status(["uv", *map(str, arguments)], workspace.root, output):
        raise _StepFailedError(status)


def _status(command: list[str], folder: Path, output: IO[bytes] | None, **options: Any) -> int:
    # Standard input stays the terminal's, for a debugger.
    return subprocesses.run(command, folder, stdin=None, stdout=output, stderr=output, **options).status


@click.command("test", epilog="Example: uv run airnub test project-alpha --pytest=-x")
@click.argument("names", nargs=-1, metavar="[MEMBER]...")
@click.option("--pytest", "arguments", multiple=True, metavar="ARGUMENT", help="Argument for pytest. Repeatable.")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Number of members to test in parallel."
)
def test(names: tuple[str, ...], arguments: tuple[str, ...], jobs: int) -> None:
    """Test members of the workspace, each in isolation.

    Each MEMBER (default: all) is installed from its wheel, with only its declared dependencies, and its tests are run.
    """
    try:
        workspace = Workspace.around(Path.cwd())
        chosen = [workspace.named(name) for name in names] or list(workspace.members.values())
        failed = _failed(workspace, chosen, arguments, jobs)
    except (WorkspaceError, ProgramError) as error:
        raise CommandError(str(error)) from error
    if failed:
        click.secho(f"{', '.join(failed)}: tests failed in isolation", fg="red", err=True)
    sys.exit(FAILED if failed else COMPLETED)


def _failed(workspace: Workspace, chosen: list[Member], arguments: tuple[str, ...], jobs: int) -> list[str]:
    """Test members, and return the names of those that failed."""
    failed = []
    if jobs == 1:
        for member in chosen:
            click.secho(f"{member.name}, in isolation", bold=True, err=True)
            if run_alone(workspace, member, arguments) != 0:
                failed.append(member.name)
    else:
        for member, status, said in run_each_alone(workspace, chosen, arguments, jobs):
            click.secho(f"{member.name}, in isolation", bold=True, err=True)
            click.echo(said, nl=False)
            if status != 0:
                failed.append(member.name)
    return failed
