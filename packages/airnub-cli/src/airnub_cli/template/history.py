"""The template that a department was made from, recorded there and read from git, and the present template."""

import io
import json
import os
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from zipfile import ZipFile

from pydantic import Field, ValidationError

from airnub_cli import subprocesses
from airnub_cli.configuration.registry import TEMPLATE_FOLDER
from airnub_cli.subprocesses import ProgramError
from airnub_cli.workspace import WorkspaceError
from airnub_core.strict_model import StrictModel

FILE = "template.toml"
_HEAD = "# What this department was made from; `airnub template update` merges what the template changed since.\n"


class TemplateOrigin(StrictModel):
    """The content of the file."""

    tree: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
    """Hash of the git tree of the template's folder at that time."""
    display_name: str = ""
    """The display name that replaced the template's."""
    left_out: tuple[str, ...] = ()
    """Omitted stages and categories of the template, and `EXAMPLE` if its sample data are omitted."""

    def text(self) -> str:
        """The text of the file."""
        lines = [f'tree = "{self.tree}"', f"display_name = {json.dumps(self.display_name, ensure_ascii=False)}"]
        lines += [f"left_out = {json.dumps(sorted(self.left_out))}"] if self.left_out else []
        return _HEAD + "".join(f"{line}\n" for line in lines)


def read_origin(root: Path, department: str) -> TemplateOrigin | None:
    """Read the record of a department; `None` if it has none.

    Raises:
        WorkspaceError: the file is invalid.
    """
    path = root / origin_path(department)
    if not path.is_file():
        return None
    try:
        return TemplateOrigin(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValidationError, ValueError) as error:
        said = " ".join(str(error).split())
        raise WorkspaceError(
            f"{path}: expected the format of `airnub new department`, found: {said}; restore it from git"
        ) from None


def origin_path(department: str) -> str:
    """The path of the record, relative to the root."""
    return f"departments/{department}/{FILE}"


_FOLDER = f"departments/{TEMPLATE_FOLDER}"


def tree_here(root: Path) -> str:
    """Hash of the git tree of the template's folder in the working tree, including uncommitted changes.

    Uncommitted files are added to git's object store, so that a department made from them can be updated later.

    Raises:
        WorkspaceError: this is not a git repository, or git is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        # A separate index, so that staged changes of the user are kept.
        environment = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        _git(root, "add", "--", _FOLDER, **environment)
        prefix = _git(root, "rev-parse", "--show-prefix").decode().strip()
        tree = _git(root, "write-tree", f"--prefix={prefix}{_FOLDER}/", **environment)
    return tree.decode().strip()


def tree_of(root: Path, reference: str) -> str:
    """Hash of the git tree of the template's folder in a commit.

    Raises:
        WorkspaceError: there is no such commit, or it has no template.
    """
    prefix = _git(root, "rev-parse", "--show-prefix").decode().strip()
    try:
        found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}:{prefix}{_FOLDER}")
    except WorkspaceError:
        raise WorkspaceError(f"--base: expected a commit with {_FOLDER}, found {reference!r}") from None
    return found.decode().strip()


@contextmanager
def template_at(root: Path, tree: str) -> Iterator[Path]:
    """Extract the template of a git tree, laid out as in a checkout, into a temporary folder.

    Raises:
        WorkspaceError: git does not have the tree.
    """
    try:
        _git(root, "cat-file", "-e", f"{tree}^{{tree}}")
    except WorkspaceError:
        is_shallow = _git(root, "rev-parse", "--is-shallow-repository").strip() == b"true"
        advice = (
            "this clone is shallow: run `git fetch --unshallow` and try again"
            if is_shallow
            else "pass the commit whose template the department was made from: --base REF"
        )
        raise WorkspaceError(
            f"expected the template {tree[:12]} in the history of {_FOLDER}, found none; {advice}"
        ) from None
    with tempfile.TemporaryDirectory(prefix="airnub-template-") as name:
        folder = Path(name)
        archive = _git(root, "archive", "--format=zip", f"--prefix={_FOLDER}/", tree)
        # Not tar: Python 3.11.2 of Debian lacks the extraction filter that keeps files in the folder.
        with ZipFile(io.BytesIO(archive)) as files:
            files.extractall(folder)
        yield folder


def require_clean(root: Path) -> None:
    """Raise if the working tree has uncommitted changes: git must be able to show and revert what an update changes.

    Raises:
        WorkspaceError: there are uncommitted changes.
    """
    found = _git(root, "status", "--porcelain", "--untracked-files=normal").decode(errors="replace").splitlines()
    if found:
        shown = "\n".join(found[:10] + [f"and {len(found) - 10} more"] * (len(found) > 10))
        raise WorkspaceError(f"expected a clean working tree, found changes; commit or stash them first:\n{shown}")


def _git(root: Path, *arguments: str, **environment: str) -> bytes:
    try:
        done = subprocesses.run(["git", *arguments], root, env={**os.environ, **environment})
    except ProgramError as error:
        raise WorkspaceError(str(error)) from None
    if done.status:
        raise WorkspaceError(f"expected `git {arguments[0]}` to succeed, found: {done.error or done.status}")
    return done.stdout
