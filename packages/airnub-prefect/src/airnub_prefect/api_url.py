"""The configured Prefect server, queried without importing Prefect, which takes 1.6 s.

In the order of Prefect's own settings: environment, `.env`, `prefect.toml`, `pyproject.toml`, the active profile.
"""

import os
import tomllib
from pathlib import Path
from typing import Any

NAME = "PREFECT_API_URL"
PORT = 4200
"""Default port of a Prefect server (Prefect's setting `server.api.port`)."""
LOCAL = f"http://127.0.0.1:{PORT}/api"
"""API of a server on this machine, on the default port."""


def configured_api_url() -> str | None:
    """URL of the API that Prefect would use in the current folder, `None` where it would start an ephemeral server."""
    if NAME in os.environ:
        return os.environ[NAME] or None  # an empty value counts: it overrides the files
    return _dotenv(Path(".env")) or _toml() or _profile()


def _dotenv(path: Path) -> str | None:
    if not path.is_file():
        return None
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name.strip() == NAME:
            return _unquoted(value.strip()) or None
    return None


def _unquoted(value: str) -> str:
    if value[:1] in {"'", '"'}:
        return value[1:].partition(value[0])[0]
    return value.partition(" #")[0].rstrip()


def _toml() -> str | None:
    return _text(_read(Path("prefect.toml")), "api", "url") or _text(
        _read(Path("pyproject.toml")), "tool", "prefect", "api", "url"
    )


def _profile() -> str | None:
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    profiles = _read(Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml"))
    active = os.environ.get("PREFECT_PROFILE") or _text(profiles, "active")
    return None if active is None else _text(profiles, "profiles", active, NAME)


def _text(values: Any, *keys: str) -> str | None:
    """The text at the end of a path of keys, `None` where the value is missing or is not text."""
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values if isinstance(values, str) and values else None


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
        # Prefect reports the error as soon as it is imported.
        return {}
