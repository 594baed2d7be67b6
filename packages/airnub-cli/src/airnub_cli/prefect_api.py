"""A client of the Prefect API in plain JSON: objects are read and compared, and differences are sent.

Prefect's typed methods are not used for the objects: upserts reset omitted fields, and some lists silently end after
the first page. Its HTTP client is used, with its settings, its credentials and Prefect Cloud.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL

from airnub_common import redact_text, redact_url
from airnub_prefect.api_url import LOCAL

PAGE = 200
"""The maximum page size of the API, and its default; a response does not say whether there are more pages."""

Json = dict[str, Any]


class BackendError(Exception):
    """The Prefect server cannot be reached, denies access, or refuses a request."""


class PrefectServer:
    """The API of one server, or of a workspace of Prefect Cloud."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client

    @property
    def url(self) -> str:
        """The URL of the API, without credentials."""
        return redact_url(str(self._client.api_url)).rstrip("/")

    def all(self, path: str, **body: Any) -> list[Json]:
        """All objects that match a filter, from all pages."""
        found: list[Json] = []
        while True:
            page = self._ask("POST", path, {**body, "limit": PAGE, "offset": len(found)})
            found += page
            if len(page) < PAGE:
                return found

    def count(self, path: str, **body: Any) -> int:
        """The number of objects that match a filter."""
        found: int = self._ask("POST", path, body)
        return found

    def get(self, path: str, **parameters: Any) -> Json | None:
        """One object; `None` if the server has none."""
        found: Json | None = self._ask("GET", path, None, parameters)
        return found

    def post(self, path: str, body: Json) -> Json:
        """Create an object."""
        made: Json = self._ask("POST", path, body)
        return made

    def put(self, path: str, body: Json) -> None:
        """Replace an object."""
        self._ask("PUT", path, body)

    def patch(self, path: str, body: Json) -> None:
        """Change the given fields of an object."""
        self._ask("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Delete an object; a missing one is no error."""
        self._ask("DELETE", path, None)

    def _ask(self, method: str, path: str, body: Any, parameters: Mapping[str, Any] | None = None) -> Any:
        try:
            answer = self._client.request(method, path, json=body, params=parameters)  # type: ignore[arg-type]
        except PrefectHTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND and method in {"GET", "DELETE"}:
                return None
            raise BackendError(self._refusal(error.response, f"{method} {path}")) from error
        except httpx.HTTPError as error:
            raise BackendError(self._silence(error)) from error
        try:
            return answer.json() if answer.content else None
        except ValueError as error:
            # The web interface answers every path that is not below /api.
            raise BackendError(
                f"expected JSON of a Prefect API at {self.url}, found a different response to {method} {path}; "
                "PREFECT_API_URL ends in /api"
            ) from error

    def _refusal(self, answer: httpx.Response, asked: str) -> str:
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            return (
                f"the Prefect server at {self.url} denies access: it answered {answer.status_code}. "
                "Set PREFECT_API_AUTH_STRING to its user:password (of Prefect Cloud: PREFECT_API_KEY), "
                "in the environment or in .env"
            )
        if answer.status_code == httpx.codes.NOT_FOUND:
            return (
                f"expected the API of a Prefect server at {self.url}, found nothing at {asked}; "
                "PREFECT_API_URL ends in /api"
            )
        # The request is never shown: it may contain secrets, which the response may repeat.
        advice = "; see the log of the server, then run this again" if answer.is_server_error else ""
        return f"the Prefect server at {self.url} refused {asked} with {answer.status_code}: {_words(answer)}{advice}"

    def _silence(self, error: httpx.HTTPError) -> str:
        reason = redact_text(str(error)).rstrip(".") or type(error).__name__
        return (
            f"expected a Prefect server at {self.url} (PREFECT_API_URL), found none: {reason}. "
            "Start it (`uv run prefect server start`, or `docker compose up --wait`), or correct PREFECT_API_URL"
        )


def path_of(*steps: str) -> str:
    """Join names to a path; slashes and spaces in them are escaped."""
    return "/" + "/".join(quote(step, safe="") for step in steps)


@contextmanager
def prefect_server() -> Iterator[PrefectServer]:
    """Connect to the configured server.

    Raises:
        BackendError: none is configured.
    """
    if not PREFECT_API_URL.value():
        raise BackendError(
            f"expected a Prefect server, found none configured: set PREFECT_API_URL, such as {LOCAL}, "
            "in the environment or in .env"
        )
    with get_client(sync_client=True) as client:
        yield PrefectServer(client)


def _words(answer: httpx.Response) -> str:
    """The places and messages of an error response, without the values that it repeats."""
    try:
        document = answer.json()
    except ValueError:
        return "no reason given"
    detail = document.get("exception_detail", document.get("detail")) if isinstance(document, dict) else None
    if isinstance(detail, list):
        said = [
            f"{'.'.join(map(str, one.get('loc', ())))}: {one.get('msg')}" for one in detail if isinstance(one, dict)
        ]
        return redact_text("; ".join(said))
    return redact_text(str(detail)) if detail else "no reason given"


class Action(StrEnum):
    """The action that brings an object to its desired state."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one object; the result of a comparison, executed by `send`."""

    kind: str
    """`work pool`, `work queue`, `variable`, `block` or `automation`."""
    name: str
    action: Action
    send: Callable[[], None]
    """Sends the change; does nothing for an unchanged object."""
    different: tuple[str, ...] = ()
    """Places of the values that differ; never the values, which may be secret."""
    kept: tuple[str, ...] = ()
    """Values that an operator has set and that are kept: `paused`, `limit 3`."""

    def as_json(self) -> dict[str, Any]:
        """The change as printed by `--json`."""
        return {
            "kind": self.kind,
            "name": self.name,
            "action": self.action.value,
            "different": list(self.different),
            "kept": list(self.kept),
        }


def unchanged(kind: str, name: str, kept: tuple[str, ...] = ()) -> Change:
    """The change of an object that needs none."""
    return Change(kind, name, Action.UNCHANGED, lambda: None, kept=kept)


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON; in Python, `True == 1`."""
    return json.dumps(one, sort_keys=True, default=str) == json.dumps(other, sort_keys=True, default=str)


def differences(wanted: Any, found: Any, place: str = "", *, depth: int = 4) -> Iterator[str]:
    """Yield the places where two JSON values differ, such as `network.max_bytes`; lists are compared as a whole."""
    if is_same(wanted, found):
        return
    if depth and isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key in sorted(wanted.keys() | found.keys()):
            inside = f"{place}.{key}" if place else str(key)
            if key in wanted and key in found:
                yield from differences(wanted[key], found[key], inside, depth=depth - 1)
            else:
                yield inside
        return
    yield place or "value"
