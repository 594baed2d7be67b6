"""The report of `airnub check` as text, JSON or GitHub annotations; only mistakes set the exit status."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from airnub_prefect.errors import Diagnostic


@dataclass(frozen=True, slots=True)
class CheckWarning(Diagnostic):
    """Something that is probably unfinished, and that may be meant as it is."""

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}" if self.line else self.where
        return f"{place}: warning: {self.message}"


def mistakes_in(found: list[Diagnostic]) -> list[Diagnostic]:
    """Those that are no warnings."""
    return [one for one in found if not isinstance(one, CheckWarning)]


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
