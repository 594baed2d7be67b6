"""Merging: one file of a department, of the template that it came from, and of the template of today, by git."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from airnub_cli.workspace import WorkspaceError

_OURS = "department"
MARK = f"<<<<<<< {_OURS}".encode()
"""Where a conflict begins."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of it."""

    content: bytes
    conflicts: int
    """Places that are marked for a person, as git marks them."""


def merge(ours: bytes, base: bytes, theirs: bytes) -> Merged:
    """A three-way merge.

    Args:
        ours: the department's file.
        base: that of the template which it was made from.
        theirs: that of the template of today.

    Raises:
        WorkspaceError: git cannot merge it, such as a file that is no text.
    """
    if b"\r\n" in ours and b"\n" not in ours.replace(b"\r\n", b""):
        # The department ends its lines otherwise: that is not a change of every one of them.
        base, theirs = (one.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for one in (base, theirs))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("department", "before", "template")]
        for path, content in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(content)
        labels = ["-L", _OURS, "-L", "template it was made from", "-L", "template"]
        # As git marks conflicts by default: a developer's `merge.conflictStyle` would add a third part.
        style = ["-c", "merge.conflictStyle=merge"]
        command = ["git", *style, "merge-file", "--stdout", *labels, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, check=False)
    # Its exit status is how many conflicts there are, 127 for as many and more, and 255 for a mistake.
    if done.returncode > 127:
        raise WorkspaceError(f"git cannot merge it: {done.stderr.decode(errors='replace').strip()}")
    return Merged(done.stdout, done.returncode)
