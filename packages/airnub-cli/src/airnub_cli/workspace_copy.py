"""A copy of the workspace in which a change is made, locked and compiled before it is written back."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from airnub_cli import subprocesses
from airnub_cli.subprocesses import ProgramError
from airnub_cli.workspace import WorkspaceError

_PATTERNS = (
    "pyproject.toml", "uv.lock", "uv.toml", ".python-version", "prefect.yaml", "docker-compose.yml",
    ".github/CODEOWNERS", "configs/**/*", "infra/work-pools/*", "packages/*/pyproject.toml",
    "departments/*/pyproject.toml", "departments/*/prefect.yaml", "departments/_template/registration/**/*",
)  # fmt: skip


class WorkspaceCopy:
    """A copy of the files that a change may touch, and their differences from the checkout."""

    def __init__(self, root: Path, folder: Path, *further: str) -> None:
        """Copy the files.

        Args:
            root: of the checkout.
            folder: the destination.
            further: patterns of additional files.
        """
        self.root, self.folder = root, folder
        self._before: dict[str, bytes] = {}
        for path in _matching(root, (*_PATTERNS, *further)):
            name = path.relative_to(root).as_posix()
            self._before[name] = path.read_bytes()
            copy = folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)

    def path(self, name: str) -> Path:
        """The path of a file in the copy."""
        return self.folder / name

    def read(self, name: str) -> str:
        """The text of a file in the copy."""
        return self.path(name).read_text(encoding="utf-8")

    def write(self, name: str, content: bytes | str) -> None:
        """Create or change a file in the copy."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def remove(self, name: str) -> None:
        """Remove a file or a folder from the copy."""
        path = self.path(name)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def settle(self) -> None:
        """Lock the workspace and compile all departments, in the copy; write nothing into the copy after it.

        Raises:
            WorkspaceError: one of them failed; the message has its output.
        """
        lock = _started(["uv", "lock", "--quiet", "--offline"], self.folder)
        compiled = _started(
            [sys.executable, "-m", "airnub_cli", "compile"], self.folder, PYTHONPATH=self._import_path()
        )
        try:
            said = compiled.communicate()[0].decode(errors="replace")
            if compiled.returncode:
                raise WorkspaceError(f"{said.strip()}\nexpected that all departments compile with this change")
            if lock.wait():
                # A required package is not in the cache of uv.
                self._lock_online()
        finally:
            for process in (lock, compiled):
                process.kill()
                process.wait()
                if process.stdout:
                    process.stdout.close()

    def changes(self) -> dict[str, bytes | None]:
        """The differences from the checkout: new content by path, `None` for removed files.

        Raises:
            WorkspaceError: the checkout changed in the meantime.
        """
        now = {path.relative_to(self.folder).as_posix(): path for path in _below(self.folder)}
        found: dict[str, bytes | None] = {name: None for name in self._before if name not in now}
        for name, path in now.items():
            content = path.read_bytes()
            if self._before.get(name) != content:
                found[name] = content
        for name in found:
            path = self.root / name
            if self._before.get(name) != (path.read_bytes() if path.is_file() else None):
                raise WorkspaceError(
                    f"expected {name} to stay unchanged meanwhile, found it changed; run the command again"
                )
        return found

    def _lock_online(self) -> None:
        done = subprocesses.run(["uv", "lock", "--quiet"], self.folder, env=_environment())
        if done.status:
            raise WorkspaceError(f"expected uv to lock the workspace with this change, found: {done.error}")

    def _import_path(self) -> str:
        """The PYTHONPATH of changed departments; sources of the others, installed or not, are linked into the copy.

        In PYTHONPATH each of them would be searched for every module that is imported.
        """
        changed = sorted(self.folder.glob("departments/*/src"))
        for path in self.folder.glob("departments/*/pyproject.toml"):
            copy, source = path.parent / "src", self.root / "departments" / path.parent.name / "src"
            if not copy.exists() and source.is_dir():
                copy.symlink_to(source, target_is_directory=True)
        said = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
        return os.pathsep.join([*map(str, changed), *said])


def _started(command: list[str], folder: Path, **environment: str) -> "subprocess.Popen[bytes]":
    try:
        return subprocesses.start(
            command, folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=_environment() | environment,
        )  # fmt: skip
    except ProgramError as error:
        raise WorkspaceError(str(error)) from error


def _environment() -> dict[str, str]:
    # `uv run` sets VIRTUAL_ENV, and uv warns if a different environment belongs to the folder.
    return {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}


def _matching(root: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    found = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    return (path for path in sorted(found) if "__pycache__" not in path.parts)


def _below(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", ".venv"} & set(path.relative_to(folder).parts)
    ]
