"""Plain secrets: passwords and tokens that somebody wrote into a file, and `.env` files that git has."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from airnub_common import is_secret_name
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.yaml_file import Place, read_yaml

_SETTINGS = ("configs/variables/*/*.yaml", "configs/environments/*.yaml")
_ELSEWHERE = ("infra/work-pools/*.yaml", "departments/*/prefect.yaml")
_KEY = re.compile(r"([A-Za-z][\w.-]*)[\"']?\s*:")
_CREDENTIALS = re.compile(r"://[^/\s:@{}$]+:[^/\s@{}$]+@")
_LATER = ("${", "{{")
"""What begins a placeholder."""
_is_secret_name = cache(is_secret_name)


def check_plain_secrets(root: Path) -> Iterator[Diagnostic]:
    """Secrets in the files of settings, pools and deployments; everybody who may see a Variable or a pool reads them.

    In pools and deployments a name such as `key` or `token` counts only in the environment (`env`) of processes, since
    elsewhere it seldom names a secret. A URL with a password is refused anywhere in them.

    Args:
        root: of the workspace.
    """
    for patterns, wanted in ((_SETTINGS, None), (_ELSEWHERE, "env")):
        for path in sorted(path for pattern in patterns for path in root.glob(pattern)):
            text = _text(path)
            # Most files have none, and reading YAML with its lines takes long.
            if _CREDENTIALS.search(text) or any(map(_is_secret_name, _KEY.findall(text))):
                yield from _in_file(path, wanted)
    yield from _environments(root)


def _in_file(path: Path, wanted: str | None) -> Iterator[Diagnostic]:
    try:
        file = read_yaml(path)
    except ConfigurationError:
        return  # told where it is read
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
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return  # without git nothing is given away by it
    for name in filter(None, done.stdout.split("\0")):
        yield Diagnostic(str(root / name), None, f"expected that git does not have it; `git rm --cached {name}`")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
