"""Checks of the Prefect port, the configured server, and conflicting settings, without importing Prefect."""

import base64
import json
import os
import re
import socket
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from importlib.metadata import version
from urllib.error import HTTPError
from urllib.parse import urlsplit

from airnub_cli.doctor.machine import DoctorFinding, fine, odd
from airnub_prefect.api_url import LOCAL, PORT, configured_api_url

_PATIENCE = 5.0
_CLOUD = "api.prefect.cloud"


def check_prefect(values: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Check port, server and settings of Prefect; `values` is `.env`, overridden by the environment."""
    yield check_port(PORT)
    yield check_server(configured_api_url(), values)
    yield from check_settings(values)


def check_port(port: int) -> DoctorFinding:
    """Check that the port of the server is free, or used by a Prefect server."""
    name = f"port {port}"
    with socket.socket() as asked:
        asked.settimeout(_PATIENCE)
        if asked.connect_ex(("127.0.0.1", port)) != 0:
            return fine(name, "free")
    url = f"http://127.0.0.1:{port}/api"
    try:
        healthy = read(f"{url}/health", {}) is True
    except (OSError, ValueError, HTTPException):
        healthy = False
    if healthy:
        return fine(name, "a Prefect server listens on it")
    fix = f"stop it (lsof -i :{port}); or uv run airnub dev --port 4300; or AIRNUB_PORT=4300 in .env for Compose"
    return odd(name, "a program other than a Prefect server listens on it", fix)


def check_server(url: str | None, values: Mapping[str, str]) -> DoctorFinding:
    """Check that the configured server answers, grants access, and has the version of this checkout."""
    name = "PREFECT_API_URL"
    if url is None:
        return fine(name, "not set: commands start an embedded server; `airnub apply` and workers need one")
    shown = re.sub(r"//[^/@]*@", "//***@", url)
    if urlsplit(url).scheme not in {"http", "https"}:
        return odd(name, f"expected an http or https URL, found {shown}", f"export PREFECT_API_URL={LOCAL}")
    unset = "start it (uv run airnub dev, or docker compose up --wait), or unset PREFECT_API_URL"
    try:
        there = read(f"{url.rstrip('/')}/admin/version", values)
    except HTTPError as error:
        if error.code in {401, 403}:
            return odd(name, f"{shown} denies access ({error.code})", "export PREFECT_API_AUTH_STRING=user:password")
        if urlsplit(url).hostname == _CLOUD:
            return fine(name, f"{shown}, Prefect Cloud")
        return odd(
            name, f"{shown} answers {error.code}; expected a Prefect API, whose path usually ends in /api", unset
        )
    except ValueError:  # also the web interface, for a URL without its path
        found = f"{shown} answers without JSON; expected a Prefect API, whose path usually ends in /api"
        return odd(name, found, f"export PREFECT_API_URL={LOCAL}, or the URL of your server with /api")
    except (OSError, HTTPException) as error:
        return odd(name, f"{shown} does not answer: {error}", unset)
    here = version("prefect")
    if there != here:
        return odd(name, f"{shown} has version {there}, this checkout has {here}", f"update the server to {here}")
    return fine(name, f"{shown}, version {there}")


def check_settings(values: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Find settings whose values cause errors elsewhere."""
    for name, (is_wrong, why) in _WRONG.items():
        value = values.get(name)
        if value is not None and is_wrong(value):
            yield odd(name, why, f"unset {name}, or remove it from .env")
    if values.get("PREFECT_API_KEY") and values.get("PREFECT_API_AUTH_STRING"):
        yield odd(
            "PREFECT_API_KEY",
            "it is set together with PREFECT_API_AUTH_STRING, which has precedence",
            "unset PREFECT_API_KEY",
        )


def read(url: str, values: Mapping[str, str]) -> object:
    """Read JSON from a URL of the API."""
    request = urllib.request.Request(url)  # noqa: S310  # the scheme was checked
    if auth := values.get("PREFECT_API_AUTH_STRING"):
        request.add_header("Authorization", f"Basic {base64.b64encode(auth.encode()).decode()}")
    elif key := values.get("PREFECT_API_KEY"):
        request.add_header("Authorization", f"Bearer {key}")
    # No proxy for loopback.
    handlers = [urllib.request.ProxyHandler({})] if urlsplit(url).hostname in {"127.0.0.1", "localhost"} else []
    with urllib.request.build_opener(*handlers).open(request, timeout=_PATIENCE) as answer:
        return json.load(answer)


def _is_no_beat(value: str) -> bool:
    return not value.isdecimal() or int(value) < 30


def _is_no_database(value: str) -> bool:
    return value.startswith(("postgres://", "postgresql://"))


def _is_no_folder(value: str) -> bool:
    home = os.path.expanduser(value)  # noqa: PTH111  # may be empty
    return not value or (os.path.exists(home) and not os.access(home, os.W_OK))  # noqa: PTH110


_DATABASE = (
    _is_no_database,
    "expected postgresql+asyncpg://, found a different driver, with which the server does not start",
)
_WRONG: dict[str, tuple[Callable[[str], bool], str]] = {
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": (
        _is_no_beat,
        "expected a number, 30 or more; otherwise importing Prefect fails",
    ),
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": _DATABASE,
    "PREFECT_API_DATABASE_CONNECTION_URL": _DATABASE,
    "PREFECT_HOME": (_is_no_folder, "expected a writable folder"),
    "PREFECT_TEST_MODE": (lambda value: value.lower() in {"1", "true"}, "Prefect is in the mode of its own tests"),
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": (
        lambda value: value.lower() in {"0", "false"} and configured_api_url() is None,
        "embedded servers are disabled, and no server is configured",
    ),
}
