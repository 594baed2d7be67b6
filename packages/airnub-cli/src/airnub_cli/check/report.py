"""Report: mistakes and warnings as a person, a script, or GitHub reads them."""

import json
from collections.abc import Sequence
from typing import Literal

from airnub_cli.check.check_warning import CheckWarning
from airnub_prefect.errors import Diagnostic

Format = Literal["text", "json", "github"]


def report(mistakes: Sequence[Diagnostic], form: Format) -> str:
    """All of them, a line each; as JSON one list of `file`, `line`, `message` and `severity`."""
    match form:
        case "text":
            return "\n".join(map(str, mistakes))
        case "json":
            rows = [
                {"file": one.where, "line": one.line, "message": one.message, "severity": _severity(one)}
                for one in mistakes
            ]
            return json.dumps(rows, indent=2)
        case "github":
            return "\n".join(map(annotation, mistakes))


def annotation(mistake: Diagnostic) -> str:
    """A workflow command, which GitHub shows beside the line in a pull request.

    Escaped as GitHub's documentation of workflow commands says: `%`, line ends, and in properties `:` and `,` too.
    """
    place = f"file={_escaped(mistake.where, ':,')}"
    if mistake.line:
        place += f",line={mistake.line}"
    return f"::{_severity(mistake)} {place}::{_escaped(mistake.message)}"


def _severity(mistake: Diagnostic) -> Literal["error", "warning"]:
    """In GitHub's words."""
    return "warning" if isinstance(mistake, CheckWarning) else "error"


def _escaped(text: str, besides: str = "") -> str:
    for sign in f"%\r\n{besides}":
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text
