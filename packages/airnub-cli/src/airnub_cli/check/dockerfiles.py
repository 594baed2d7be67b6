"""Dockerfiles: those that departments have of their own are built as the shared one is, and stay apart like imports."""

import re
from collections.abc import Iterator

from airnub_cli.workspace import Member
from airnub_prefect.errors import Mistake

_STAGE = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE)
_TARGET = "department"
_FOLDER = re.compile(r"(?<![\w/])departments/([A-Za-z_]\w*)")
_ROOT = re.compile(r"USER\s+(root|0)(:\S+)?\s*$", re.IGNORECASE)


def check_dockerfile(member: Member) -> Iterator[Mistake]:
    """A Dockerfile of a department without the stage that is built, that ends as root, or takes another department."""
    path = member.folder / "Dockerfile"
    if member.kind != "department" or not path.is_file():
        return
    is_target, was_target, user = False, False, 0
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if stage := _STAGE.match(line.strip()):
            is_target = (stage[2] or "").lower() == _TARGET
            was_target, user = was_target or is_target, 0 if is_target else user
        elif is_target and line.strip().upper().startswith("USER "):
            user = number if _ROOT.match(line.strip()) else 0
        for other in _FOLDER.findall(line.partition("#")[0]):
            if other != member.folder.name:
                message = f"expected departments/{member.folder.name} alone in its image, found departments/{other}"
                yield Mistake(str(path), number, message)
    if not was_target:
        yield Mistake(str(path), None, f"expected a stage called {_TARGET} (FROM … AS {_TARGET}), found none")
    if user:
        yield Mistake(str(path), user, "expected a user other than root at the end of the image, found root")
