"""A client of the Prefect API in plain JSON: objects are read and compared, and differences are sent.

Prefect's typed client is not used for the objects: its upserts reset what they are not given, and some of its lists end
after the first page without a word. The client below them is: it knows the settings, the credentials and Prefect Cloud.
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
"""The most that the API gives at once; without a limit it gives as many, and does not say that there are more."""

Json = dict[str, Any]


class BackendError(Exception):
    """The Prefect backend cannot be reached, does not let us in, or refuses what it was sent."""


class PrefectServer:
    """The API of one server, or of a workspace of Prefect Cloud."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client

    @property
    def url(self) -> str:
        """Of the API, without credentials."""
        return redact_url(str(self._client.api_url)).rstrip("/")

    def all(self, path: str, **body: Any) -> list[Json]:
        """Everything that a filter finds, page by page."""
        found: list[Json] = []
        while True:
            page = self._ask("POST", path, {**body, "limit": PAGE, "offset": len(found)})
            found += page
            if len(page) < PAGE:
                return found

    def count(self, path: str, **body: Any) -> int:
        """How many objects a filter finds."""
        found: int = self._ask("POST", path, body)
        return found

    def get(self, path: str, **parameters: Any) -> Json | None:
        """One object, `None` where there is none."""
        found: Json | None = self._ask("GET", path, None, parameters)
        return found

    def post(self, path: str, body: Json) -> Json:
        """Make an object."""
        made: Json = self._ask("POST", path, body)
        return made

    def put(self, path: str, body: Json) -> None:
        """Replace an object."""
        self._ask("PUT", path, body)

    def patch(self, path: str, body: Json) -> None:
        """Change the given parts of an object."""
        self._ask("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Delete an object; one that is not there is gone already."""
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
        return answer.json() if answer.content else None

    def _refusal(self, answer: httpx.Response, asked: str) -> str:
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            return (
                f"the Prefect server at {self.url} does not let us in: it answered {answer.status_code}. "
                "Set PREFECT_API_AUTH_STRING to its user:password (of Prefect Cloud: PREFECT_API_KEY), "
                "in the environment or in .env"
            )
        if answer.status_code == httpx.codes.NOT_FOUND:
            return (
                f"expected the API of a Prefect server at {self.url}, found nothing at {asked}; "
                "PREFECT_API_URL ends in /api"
            )
        # What was sent is never shown: it may hold secrets, and the server's own words may repeat them.
        return f"the Prefect server at {self.url} refused {asked} with {answer.status_code}: {_words(answer)}"

    def _silence(self, error: httpx.HTTPError) -> str:
        reason = redact_text(str(error)).rstrip(".") or type(error).__name__
        return (
            f"expected a Prefect server at {self.url} (PREFECT_API_URL), found none: {reason}. "
            "Start it (`uv run prefect server start`, or `docker compose up --wait`), or correct PREFECT_API_URL"
        )


def path_of(*steps: str) -> str:
    """A path of names, which may hold a slash or a space."""
    return "/" + "/".join(quote(step, safe="") for step in steps)


@contextmanager
def prefect_server() -> Iterator[PrefectServer]:
    """The server that is configured.

    Raises:
        BackendError: none is.
    """
    if not PREFECT_API_URL.value():
        raise BackendError(
            f"expected a Prefect server, found none configured: set PREFECT_API_URL, such as {LOCAL}, "
            "in the environment or in .env"
        )
    with get_client(sync_client=True) as client:
        yield PrefectServer(client)


def _words(answer: httpx.Response) -> str:
    """What an answer complains of: places and messages, without the values that it repeats."""
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
    """What becomes of an object."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """What is done for one object; made by comparing, carried out by calling `send`."""

    kind: str
    """`work pool`, `work queue`, `variable`, `block` or `automation`."""
    name: str
    action: Action
    send: Callable[[], None]
    """Does nothing where nothing is different."""
    different: tuple[str, ...] = ()
    """Places of the values that differ; never the values, which may be secret."""
    kept: tuple[str, ...] = ()
    """What an operator has set and the repository does not touch: `paused`, `limit 3`."""

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "kind": self.kind,
            "name": self.name,
            "action": self.action.value,
            "different": list(self.different),
            "kept": list(self.kept),
        }


def unchanged(kind: str, name: str, kept: tuple[str, ...] = ()) -> Change:
    """Nothing is to be done."""
    return Change(kind, name, Action.UNCHANGED, lambda: None, kept=kept)


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON; to Python, `true` would be 1."""
    return json.dumps(one, sort_keys=True, default=str) == json.dumps(other, sort_keys=True, default=str)


def differences(wanted: Any, found: Any, place: str = "", *, depth: int = 4) -> Iterator[str]:
    """Places at which two JSON values differ, such as `network.max_bytes`; of lists the place of the list."""
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
