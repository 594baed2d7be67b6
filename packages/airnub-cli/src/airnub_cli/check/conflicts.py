"""Conflicts: marks of a merge that git or `airnub template update` left in files, for a person to resolve."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from airnub_prefect.errors import Diagnostic

_BEGIN, _END = "<" * 7, ">" * 7
_LINE = re.compile(r"(?P<path>[^\0]+)\0(?P<line>\d+)\0(?P<mark>.{7})")
# What a person may have set for git would be another form of the answer.
_GIT = ("git", "-c", "grep.column=false", "-c", "grep.fullName=false", "-c", "color.grep=false", "grep")


def check_conflicts(root: Path) -> Iterator[Diagnostic]:
    """The first mark of each conflict in a text file that git has, or would take.

    `=======` alone does not count: it underlines headings, too.

    Args:
        root: of the workspace; outside of git nothing is found, for git makes the marks.
    """
    begun: set[str] = set()
    for path, line, mark in _marks(root):
        if mark == _BEGIN or (mark == _END and path not in begun):
            message = (
                f"expected no conflict mark, found {mark} of a merge; resolve the conflict. Nothing else is checked "
                "until then"
            )
            yield Diagnostic(str(root / path), line, message)
        if mark == _BEGIN:
            begun.add(path)
        else:
            begun.discard(path)


def _marks(root: Path) -> Iterator[tuple[str, int, str]]:
    pattern = f"^({_BEGIN}|{_END})( |.?$)"
    command = [*_GIT, "--untracked", "-I", "-z", "--line-number", "-E", pattern, "--", "."]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    except FileNotFoundError:
        return
    for text in done.stdout.decode(errors="surrogateescape").split("\n"):
        if found := _LINE.match(text):
            yield found["path"], int(found["line"]), found["mark"]
