"""Unchanged: the result of a whole check, remembered by a digest of the checkout, so that nothing is imported for it.

With a change anywhere, each look goes by its own inputs, as before.
"""

import hashlib
import os
import subprocess
from pathlib import Path

from airnub_cli.cache import Cache, digest_of
from airnub_cli.check.report import CheckWarning, mistakes_in
from airnub_cli.check.runner import of_backend
from airnub_cli.installed import importable
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.errors import Diagnostic

_KIND = "checks"
_IGNORED = (".env",)
"""Files of the root that git leaves out, and a check reads."""


def checkout_digest(root: Path) -> str | None:
    """Of every file that git has or would take, of what departments import, and of the environment that these read.

    Args:
        root: of the workspace.

    Returns:
        `None` outside of git, and where something that is imported cannot be found.
    """
    try:
        workspace = Workspace.around(root)
        with importable(member.folder / "src" for member in workspace.members.values()):
            imported = of_backend(workspace)
    except (WorkspaceError, OSError):
        return None  # a mistake that the check itself reports
    # With the state of each: a file that git has may be a mistake where the same file is none outside of it.
    command = ["git", "ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    if imported is None:
        return None
    whole = hashlib.sha256()
    for entry in [*filter(None, listed.split(b"\0")), *(b"! " + name.encode() for name in _IGNORED)]:
        content = _content(root / os.fsdecode(entry[2:]))
        whole.update(len(entry).to_bytes(8, "big") + entry + len(content).to_bytes(8, "big") + content)
    return digest_of(imported, str(root), whole.hexdigest())


def recall_check(cache: Cache, digest: str | None) -> list[Diagnostic] | None:
    """The warnings of a checkout without mistakes, `None` where they are not known."""
    known = cache.get(_KIND, digest)
    if not isinstance(known, list):
        return None
    return [CheckWarning(where, line, message) for where, line, message in known]


def remember_check(cache: Cache, digest: str | None, found: list[Diagnostic]) -> None:
    """Keep the warnings of a checkout without mistakes; of mistakes the reason may lie elsewhere."""
    if not mistakes_in(found):
        cache.put(_KIND, digest, [[one.where, one.line, one.message] for one in found])


def _content(path: Path) -> bytes:
    """With its mode; of a link where it leads, and of a file that is gone that it is."""
    try:
        if path.is_symlink():
            return b"link " + os.fsencode(path.readlink())
        return b"%o " % (path.stat().st_mode & 0o111) + path.read_bytes()
    except OSError as error:
        return b"none " + str(error.errno).encode()
