"""Kinds of source: the settings that all kinds share, and what a new kind has to implement.

A kind is a module here, such as `files`:

1. a model of its settings, a `Source`; `home` and `request_headers` where it sends headers of its own;
2. `async def ingest_<kind>(engine, sources) -> list[Outcome]`: one outcome for each item, failures among them. Either
   it makes items of its settings and hands them to `engine.ingest`, as `files` does; or it asks for one at a time with
   `engine.get` and `engine.peek`, and hands what came to `engine.commit`, as `apis` does. The error of one item goes to
   `engine.give_up`; a `StoreError` ends the run. URLs that come out of answers are checked by `http` like all others;
3. `with_warnings` around its outcomes, so that URLs that were taken out of the settings are reported.

It is registered in `airnub_core/__init__.py` (its names), `airnub_prefect/tasks.py` (a task), `docs/sources.md` (its
keys), and for new departments in `departments/_template` (`settings.py`, a flow, a demo, `registration/`).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

from airnub_common import MASK, is_masked_name, redact_url
from airnub_core.concurrency import in_thread
from airnub_core.http.settings import NetworkOverrides
from airnub_core.http.url import check_url
from airnub_core.outcome import Outcome, Status
from airnub_core.store.layout import SOURCE_PATTERN, checked_source_name, derived_url
from airnub_core.tolerance import Tolerance

if TYPE_CHECKING:
    from airnub_core.store.index import Index

Secret = Callable[[str], str]
"""Gives the value of a secret, by a reference such as `secret/usgs-token`."""
NAMED = 5
"""URLs that a warning names."""
_SORTED = 1000
"""Of at most so many URLs those that a warning names are the first."""
_PRESENT = {Status.STORED, Status.UPDATED, Status.UNCHANGED}


def _without_secrets(values: Mapping[str, object]) -> dict[str, object]:
    return {name: MASK if is_masked_name(name) else value for name, value in values.items()}


def _dotted(path: str) -> str:
    if not all(path.split(".")):
        raise ValueError("expected a dotted path such as 'data.items'")
    return path


# As JSON, settings end up in databases and logs: credentials that were written into them do not.
MaskedSecrets = PlainSerializer(_without_secrets, return_type=dict[str, object], when_used="json")
Url = Annotated[str, AfterValidator(check_url), PlainSerializer(redact_url, return_type=str, when_used="json")]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderText = Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]
"""What HTTP can send: visible ASCII."""
Number = Annotated[float, Field(allow_inf_nan=False)]
DottedPath = Annotated[str, AfterValidator(_dotted)]
SourceName = Annotated[str, AfterValidator(checked_source_name), Field(json_schema_extra={"pattern": SOURCE_PATTERN})]
SecretReference = Annotated[str, Field(pattern=r"^secret/[a-z0-9][a-z0-9-]*$")]
"""A Prefect Secret block by name, `secret/usgs-token`."""


class Part(BaseModel):
    """A part of the settings of a source; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(NetworkOverrides):
    """What every source has: a name, and any key of `network` for itself."""

    name: SourceName
    on_gone: Literal["keep", "withdraw"] = "keep"
    """What becomes of a URL that answers 404 or 410, or that its page does not name any more, in two runs in a row."""

    tolerated_failures: Tolerance | None = None
    """Items of this source that may fail before the run fails, or a share such as `5%`; `None`: they count with those
    of all sources that say nothing of their own."""

    @property
    def withdraws(self) -> bool:
        """Whether such a URL is withdrawn."""
        return self.on_gone == "withdraw"

    @property
    def home(self) -> str | None:
        """The URL whose origin the headers of the source are for."""
        return None

    def request_headers(self, secret: Secret | None) -> dict[str, str]:  # noqa: ARG002  # as an API has them
        """What the source sends with each request, secrets among them; names in lower case."""
        return {}


class Listed(NamedTuple):
    """What the settings of a source list."""

    url_digests: Set[str]
    """SHA-256 of each URL."""
    made: str | None = None
    """The file name of what is made from their answers, where this is compared and not what they answered."""


async def with_warnings(index: "Index", outcomes: Sequence[Outcome], listed: Mapping[str, Listed]) -> list[Outcome]:
    """Outcomes, the first of each source with a warning of URLs that are current and that its settings do not list.

    Args:
        index: knows what is current.
        outcomes: of a run.
        listed: by source; the outcomes of others are left as they are.

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
        # A run that has all that is current costs no look at single URLs: a source may have a million.
        if current <= min(present, len(listed.url_digests)):
            return None
        number = current - len(index.lookup(source, listed.url_digests))
        urls = sorted(index.unlisted(source, listed.url_digests, _SORTED)) if number > 0 else []
    else:
        # A new index has the fragment that the URL of what is made ends with; `store forget` needs none.
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
