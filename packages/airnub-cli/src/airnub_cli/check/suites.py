"""Suites: the tests of a department keep to themselves, since they are run with it alone."""

import re
from collections.abc import Iterator

from airnub_cli.workspace import Member, Workspace
from airnub_prefect.errors import Mistake

_IMPORT = re.compile(r"^[ \t]*(?:from|import)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)
_APART = "writes_apart"


def check_suite(workspace: Workspace, member: Member) -> Iterator[Mistake]:
    """Tests of a department that import another, or may write into the checkout."""
    if member.kind != "department":
        return
    others = {one.module: one for one in workspace.members.values() if one.kind == "department" and one is not member}
    folder, is_apart = member.folder / "tests", False
    paths = sorted(folder.rglob("*.py"))
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="replace")
        is_apart = is_apart or (path.name == "conftest.py" and _APART in text)
        for match in _IMPORT.finditer(text):
            if other := others.get(match[1]):
                line = text.count("\n", 0, match.start(1)) + 1
                message = f"expected tests of {member.module} alone, found an import of {other.module}"
                yield Mistake(str(path), line, message)
    if paths and not is_apart:
        message = f"expected a fixture that uses {_APART}, so that no test writes into the checkout, found none"
        yield Mistake(str(folder / "conftest.py"), None, message)
