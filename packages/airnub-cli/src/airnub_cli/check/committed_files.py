"""Check of committed files for merge conflict markers, passwords and tokens in plain text, and `.env` files."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from airnub_cli import subprocesses
from airnub_cli.subprocesses import ProgramError
from airnub_common import is_secret_name
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.yaml_file import Place, read_yaml

_BEGIN, _END = "<" * 7, ">" * 7
_LINE = re.compile(r"(?P<path>[^\0]+)\0(?P<line>\d+)\0(?P<mark>.{7})")
# Settings of the user would change the format of the output.
_GIT = ("git", "-c", "grep.column=false", "-c", "grep.fullName=false", "-c", "color.grep=false", "grep")


def check_conflicts(root: Path) -> Iterator[Diagnostic]:
    """Find the first marker of each merge conflict in tracked and untracked text files.

    `=======` alone is ignored, since it underlines headings.

    Args:
        root: of the workspace; outside of a git repository nothing is reported.
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
        done = subprocesses.run(command, root)
    except ProgramError:
        return
    for text in done.stdout.decode(errors="surrogateescape").split("\n"):
        if found := _LINE.match(text):
            yield found["path"], int(found["line"]), found["mark"]


_SETTINGS = ("configs/variables/*/*.yaml", "configs/environments/*.yaml")
_ELSEWHERE = ("infra/work-pools/*.yaml", "departments/*/prefect.yaml")
_KEY = re.compile(r"(?<![A-Za-z])([A-Za-z][\w.-]*+)[\"']?\s*+:")
_CREDENTIALS = re.compile(r"://[^/\s:@{}$]+:[^/\s@{}$]+@")
_LATER = ("${", "{{")
"""The beginnings of placeholders."""
_is_secret_name = cache(is_secret_name)


def check_plain_secrets(root: Path) -> Iterator[Diagnostic]:
    """Find plain-text secrets in settings, pools and deployments, which all users of the Prefect server can read.

    In pools and deployments a name such as `key` or `token` counts as a secret only in the environment (`env`) of
    processes. URLs with a password are reported everywhere.

    Args:
        root: of the workspace.
    """
    for patterns, wanted in ((_SETTINGS, None), (_ELSEWHERE, "env")):
        for path in sorted(path for pattern in patterns for path in root.glob(pattern)):
            text = _text(path)
            # Parsing YAML with line numbers is slow, and most files have no secret.
            if _CREDENTIALS.search(text) or any(map(_is_secret_name, _KEY.findall(text))):
                yield from _in_file(path, wanted)
    yield from _environments(root)


def _in_file(path: Path, wanted: str | None) -> Iterator[Diagnostic]:
    try:
        file = read_yaml(path)
    except ConfigurationError:
        return  # reported where the file is read
    for place, name in _written(file.value, (), is_wanted=wanted is None, wanted=wanted):
        message = (
            f"expected no secret in a file, found one as {name}; keep it in a block (configs/blocks/), or in the "
            "environment"
        )
        yield file.mistake(place, message)


def _written(value: Any, place: Place, *, is_wanted: bool, wanted: str | None) -> Iterator[tuple[Place, str]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            inner = (*place, key)
            if is_wanted and isinstance(entry, str) and entry and _is_secret_name(str(key)) and not _later(entry):
                yield inner, ".".join(map(str, inner))
            else:
                yield from _written(entry, inner, is_wanted=is_wanted or key == wanted, wanted=wanted)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _written(entry, (*place, index), is_wanted=is_wanted, wanted=wanted)
    elif isinstance(value, str) and _CREDENTIALS.search(value):
        yield place, f"{'.'.join(map(str, place))}, a URL with a password"


def _later(value: str) -> bool:
    return any(one in value for one in _LATER)


def _environments(root: Path) -> Iterator[Diagnostic]:
    command = ["git", "ls-files", "-z", "--", ".env", "**/.env"]
    try:
        done = subprocesses.run(command, root)
    except ProgramError:
        return  # without git, no file is committed
    for name in filter(None, done.text.split("\0")):
        yield Diagnostic(str(root / name), None, f"expected it untracked, found it in git; `git rm --cached {name}`")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
