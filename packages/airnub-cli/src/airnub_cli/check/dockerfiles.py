"""Dockerfiles: those that departments have of their own are built as the shared one is, and stay apart like imports."""

import re
from collections.abc import Iterator

from airnub_cli.workspace import Member
from airnub_prefect.errors import Diagnostic

_STAGE = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE)
_TARGET = "department"
_FOLDER = re.compile(r"(?<![\w/])departments/([A-Za-z_]\w*)")
_ROOT = re.compile(r"USER\s+(root|0)(:\S+)?\s*$", re.IGNORECASE)
_COPY = re.compile(r"(?:COPY|ADD)\s+(?!.*--from=)(?:--\S+\s+)*(.+)\s+\S+$", re.IGNORECASE)
_ALL = re.compile(r"(\./?|(\./)?departments/?\**)")
"""What holds every department."""


def check_dockerfile(member: Member) -> Iterator[Diagnostic]:
    """A Dockerfile of a department without the stage that is built, that ends as root, or takes another department."""
    path = member.folder / "Dockerfile"
    if member.kind != "department" or not path.is_file():
        return
    stage, roots = "", dict[str, int]()
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        command = line.strip()
        if begun := _STAGE.match(command):
            stage = (begun[2] or "").lower()
            # It goes on with the user of the stage that it is from, and other images mostly begin with root.
            roots[stage] = number if roots.get(begun[1].lower(), number) else 0
        elif command.upper().startswith("USER "):
            roots[stage] = number if _ROOT.match(command) else 0
        elif (copied := _COPY.match(command)) and any(map(_ALL.fullmatch, copied[1].split())):
            message = f"expected departments/{member.folder.name} alone in its image, found all departments"
            yield Diagnostic(str(path), number, message)
        for other in _FOLDER.findall(line.partition("#")[0]):
            if other != member.folder.name:
                message = f"expected departments/{member.folder.name} alone in its image, found departments/{other}"
                yield Diagnostic(str(path), number, message)
    if _TARGET not in roots:
        yield Diagnostic(str(path), None, f"expected a stage called {_TARGET} (FROM … AS {_TARGET}), found none")
    elif user := roots[_TARGET]:
        yield Diagnostic(str(path), user, "expected a user other than root at the end of the image, found root")
