"""Base of the kinds of source: how to add a kind, and the settings that all kinds share.

A kind is a module of this package, such as `files`, with a test file `tests/sources/test_files.py` and:

1. a settings model, a subclass of `Source`, which overrides `home` and `request_headers` if it sends its own headers;
2. `async def ingest_<kind>(engine, sources) -> list[Outcome]`, which returns one outcome per item, including failures.
   It either creates items from its settings and passes them to `engine.ingest`, as `files` does; or it sends single
   requests with `engine.get` and `engine.peek`, and passes the responses to `engine.commit`, as `apis` does. It passes
   the error of an item to `engine.give_up`; a `StoreError` ends the run. URLs from responses are checked by `http`.
   It leaves out URLs that `engine.wants` denies (`run --failed`), and announces outcomes that do not come from
   `engine.ingest` by `engine.expect`, for the progress;
3. a call of `with_warnings` for its outcomes, which reports URLs that were removed from the settings.

Register the kind in `airnub_core/__init__.py` (its names), `airnub_prefect/tasks.py` (a task), `docs/sources.md` (its
keys), and for new departments in `departments/_template` (`settings.py`, a flow, a demo, `registration/`).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, PlainSerializer

from airnub_common import MASK, is_masked_name, redact_url
from airnub_core.concurrency import in_thread
from airnub_core.contracts.limits import Tolerance
from airnub_core.http.settings import NetworkOverrides
from airnub_core.http.url import check_url
from airnub_core.outcome import Outcome, Status
from airnub_core.store.layout import SOURCE_PATTERN, checked_source_name, derived_url

if TYPE_CHECKING:
    from airnub_core.store.index import Index

Secret = Callable[[str], str]
"""Returns the value of a secret by its reference, such as `secret/usgs-token`."""
NAMED = 5
"""Most URLs listed in a warning."""
_SORTED = 1000
"""Most URLs read for a warning; up to this number, the listed ones are the first in sorted order."""
_PRESENT = {Status.STORED, Status.UPDATED, Status.UNCHANGED}


def _without_secrets(values: Mapping[str, object]) -> dict[str, object]:
    return {name: MASK if is_masked_name(name) else value for name, value in values.items()}


def _dotted(path: str) -> str:
    if not all(path.split(".")):
        raise ValueError("expected a dotted path such as 'data.items'")
    return path


# Settings as JSON are stored in databases and logs, so credentials in them are masked.
MaskedSecrets = PlainSerializer(_without_secrets, return_type=dict[str, object], when_used="json")
Url = Annotated[str, AfterValidator(check_url), PlainSerializer(redact_url, return_type=str, when_used="json")]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderText = Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]
"""A valid header value: visible ASCII and spaces."""
Number = Annotated[float, Field(allow_inf_nan=False)]
DottedPath = Annotated[str, AfterValidator(_dotted)]
SourceName = Annotated[str, AfterValidator(checked_source_name), Field(json_schema_extra={"pattern": SOURCE_PATTERN})]
SecretReference = Annotated[str, Field(pattern=r"^secret/[a-z0-9][a-z0-9-]*$")]
"""Reference to a Prefect Secret block, such as `secret/usgs-token`."""


class Source(NetworkOverrides):
    """Settings that every kind of source has: a name, and overrides of `network`."""

    name: SourceName
    on_gone: Literal["keep", "withdraw"] = "keep"
    """What happens to a URL that returns 404 or 410, or that its page no longer lists, in two consecutive runs."""

    tolerated_failures: Tolerance | None = None
    """Number or share, such as `5%`, of this source's items that may fail before the run fails. With `None`, its
    failures count with those of all sources without a value of their own."""

    @property
    def withdraws(self) -> bool:
        """Whether missing URLs are withdrawn (`on_gone: withdraw`)."""
        return self.on_gone == "withdraw"

    @property
    def home(self) -> str | None:
        """The URL whose origin gets the headers of the source; `None` if it has no headers."""
        return None

    def request_headers(self, secret: Secret | None) -> dict[str, str]:  # noqa: ARG002  # overridden for APIs
        """Return the request headers of the source, including secrets; names in lower case."""
        return {}


class Listed(NamedTuple):
    """The URLs that the settings of a source list."""

    url_digests: Set[str]
    """SHA-256 of each URL."""
    made: str | None = None
    """File name of objects derived from the responses; if given, derived objects are compared, not the responses."""


async def with_warnings(index: "Index", outcomes: Sequence[Outcome], listed: Mapping[str, Listed]) -> list[Outcome]:
    """Add a warning to the first outcome of each source with current URLs that its settings do not list any more.

    `listed` has the listed URLs by source; outcomes of other sources are not changed. The order is kept.

    Raises:
        StoreError: the index cannot be read.
    """
    present = Counter(outcome.source for outcome in outcomes if outcome.kind in _PRESENT)
    left = dict(listed)
    result: list[Outcome] = []
    for outcome in outcomes:
        of_source = left.pop(outcome.source, None)
        warning = None
        if of_source is not None:
            find = partial(_warning, index, outcome.source, of_source, present[outcome.source])
            warning = await in_thread(find)
        result.append(outcome if warning is None else replace(outcome, warning=warning))
    return result


def _warning(index: "Index", source: str, listed: Listed, present: int) -> str | None:
    if listed.made is None:
        current = index.count(source)
        # Fast path: if this run covers all current URLs, none is read individually; a source may have a million.
        if current <= min(present, len(listed.url_digests)):
            return None
        number = current - len(index.lookup(source, listed.url_digests))
        urls = sorted(index.unlisted(source, listed.url_digests, _SORTED)) if number > 0 else []
    else:
        # In a rebuilt index, URLs of derived objects end with a fragment, which `store forget` does not need.
        made = [row for row in index.current(source) if row.path.endswith(f"/{listed.made}")]
        unlisted = [row.url for row in made if row.url_digest not in listed.url_digests]
        urls = sorted(url.removesuffix(derived_url("", listed.made)) for url in unlisted)
        number = len(urls)
    if not urls:
        return None
    which = "1 URL" if number == 1 else f"{number:,} URLs"
    shown = ", ".join(urls[:NAMED]) + (f" and {number - NAMED:,} more" if number > NAMED else "")
    return (
        f"the settings do not list {which} of {source} any more; current in the store: {shown}; "
        "`store forget URL` withdraws one"
    )
