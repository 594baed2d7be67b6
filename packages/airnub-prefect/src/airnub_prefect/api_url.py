"""The Prefect server that is configured, asked without importing Prefect, which takes 1.6 s.

In the order of Prefect's own settings: environment, `.env`, `prefect.toml`, `pyproject.toml`, the active profile.
"""

import os
import tomllib
from pathlib import Path
from typing import Any

NAME = "PREFECT_API_URL"


def configured_api_url() -> str | None:
    """The URL of the API that Prefect would use from the current folder, `None` where it would start one itself."""
    return os.environ.get(NAME) or _dotenv(Path(".env")) or _toml() or _profile() or None


def _dotenv(path: Path) -> str | None:
    if not path.is_file():
        return None
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name.strip() == NAME:
            return value.strip().strip("\"'") or None
    return None


def _toml() -> str | None:
    pyproject = _read(Path("pyproject.toml")).get("tool", {}).get("prefect", {})
    for settings in (_read(Path("prefect.toml")), pyproject):
        if url := settings.get("api", {}).get("url"):
            return str(url)
    return None


def _profile() -> str | None:
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    profiles = _read(Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml"))
    active = os.environ.get("PREFECT_PROFILE") or profiles.get("active")
    url = profiles.get("profiles", {}).get(active, {}).get(NAME)
    return None if url is None else str(url)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # Prefect says what is wrong with it as soon as it is imported.
        return {}
