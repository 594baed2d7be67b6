"""Withdrawing: withdraw URLs that two runs in a row did not find, for sources with `on_gone: withdraw`.

The index notes the first miss; any other response in between removes the note. With the second miss the index withdraws
the URL, the store records the withdrawal, and the index notes that the store has it. If a process is killed in between,
the next run or `store reindex` does the rest. `store forget` withdraws in the same steps.
"""

from collections.abc import Sequence
from dataclasses import replace

from airnub_common import redact_url
from airnub_core.errors import HttpStatusError, ItemError
from airnub_core.http.request import Response
from airnub_core.outcome import Outcome, Status
from airnub_core.store.index import Index, Missed, Run, Standing
from airnub_core.store.protocol import Store
from airnub_core.store.withdrawal import Withdrawal, withdraw

TWICE = "in two runs in a row"
_MISSING = "missing on its page"


def commit_unavailable(store: Store, index: Index, run: Run, unavailable: Sequence[Response]) -> list[Outcome | None]:
    """Note or withdraw items that a run did not find, whose sources have `on_gone: withdraw`; returns their outcomes.

    A response without an error stands for a link that its page no longer has. If it is missing for the first time, it
    is noted, and its outcome is `None`, since it is not an item of this run.

    Raises:
        StoreError: the store or the index cannot be written.
    """
    missed = [one for one in unavailable if _is_missed(one.error)]
    found: dict[str, list[str]] = {}
    for one in unavailable:
        if not _is_missed(one.error):
            found.setdefault(one.request.source, []).append(one.request.url_digest)
    for source, url_digests in found.items():
        index.forget_misses(source, url_digests)
    standings = index.miss(run, list(map(_key, missed))) if missed else []
    stands = dict(zip(map(_key, missed), standings, strict=True))
    due = [one for one in missed if stands[_key(one)] is Standing.MISSED_BEFORE]
    withdrawn = withdraw(store, index, [_withdrawal(one, run) for one in due]) if due else []
    for one, is_withdrawn in zip(due, withdrawn, strict=True):
        # If it is not withdrawn, a concurrent run has just found it.
        stands[_key(one)] = Standing.WITHDRAWN if is_withdrawn else Standing.UNKNOWN
    newly = set(map(_key, due))
    return [_outcome(one, stands.get(_key(one), Standing.UNKNOWN), is_new=_key(one) in newly) for one in unavailable]


def _key(one: Response) -> Missed:
    return Missed(one.request.source, one.request.url_digest)


def _is_missed(error: ItemError | None) -> bool:
    return error is None or (isinstance(error, HttpStatusError) and error.is_gone)


def _withdrawal(one: Response, run: Run) -> Withdrawal:
    request = one.request
    url = request.known.url if request.known is not None else redact_url(request.url)
    return Withdrawal(request.source, request.url_digest, url, run.began_at, f"{_reason(one)} {TWICE}")


def _reason(one: Response) -> str:
    return f"answered {one.error.status}" if isinstance(one.error, HttpStatusError) else _MISSING


def _outcome(one: Response, stands: Standing, *, is_new: bool) -> Outcome | None:
    request, error, known = one.request, one.error, one.request.known
    url = redact_url(request.url)
    outcome = Outcome(request.source, Status.FAILED, url=url, attempts=one.attempts, error=error)
    if stands is Standing.WITHDRAWN:
        outcome = replace(
            outcome,
            kind=Status.GONE,
            error=None,
            note=f"{_reason(one)} {TWICE}: withdrawn" if is_new else "is withdrawn",
        )
        if known is not None:
            return replace(outcome, digest=known.digest, path=known.path, manifest=known.manifest, size=known.size)
        return outcome
    if error is None:
        return None
    if stands is Standing.NOTED and isinstance(error, HttpStatusError):
        noted = replace(error, is_noted=True)
        noted.attempts, noted.kept = error.attempts, error.kept
        return replace(outcome, error=noted)
    return outcome
