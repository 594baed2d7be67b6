"""URLs of a content store, from its index: versions of a URL, its withdrawal, and failures of the last runs."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from airnub_common import redact_url
from airnub_core import Manifest, StoreLocation, open_store
from airnub_core.errors import DamagedManifestError
from airnub_core.store.base import Store
from airnub_core.store.clock import time_of
from airnub_core.store.index import Index, IndexRow, Scope, Version
from airnub_core.store.layout import derived_url, links_name, records_name
from airnub_core.store.manifest import url_digest
from airnub_core.store.withdrawal import Withdrawal, withdraw, write_withdrawals
from airnub_prefect.command.display import SHORT_DIGEST, echo, echo_error, print_json, print_rows, time_text
from airnub_prefect.command.locations import shown_store
from airnub_prefect.errors import ArgumentError
from airnub_prefect.exit_codes import COMPLETED, FAILED
from airnub_prefect.selection import check_names

SHOWN_FAILURES = 20
"""Maximum number of failures of a source in the output of `store failed`."""


def log(place: StoreLocation, url: str, source: str | None, *, as_json: bool) -> int:
    """Show every version of a URL, oldest first; `FAILED` if the store does not have the URL.

    URLs are looked up by the digest of the whole URL, and otherwise by their redacted form.
    """
    with open_store(place) as (store, index):
        sources = [one for one in index.sources() if source is None or one == source]
        found: list[dict[str, Any]] = [
            {
                "source": one,
                "url": shown_url,
                "versions": _versions(store, index.versions(one, digest), is_withdrawn=withdrawn_at is not None),
            }
            | ({} if withdrawn_at is None else {"withdrawn_at": withdrawn_at})
            for one, shown_url, digest, withdrawn_at in _states(index, sources, url)
        ]
    if not found:
        echo_error(f"expected a URL of {shown_store(place)}, found nothing for {redact_url(url)!r}; see `store ls`")
        return FAILED
    if as_json:
        print_json(found)
        return COMPLETED
    for state in found:
        since = f" (withdrawn {time_text(state['withdrawn_at'])} UTC)" if "withdrawn_at" in state else ""
        echo(f"{state['source']}: {state['url']}{since}")
        rows = [
            {
                "seen (UTC)": time_text(version["seen_at"]),
                "digest": version["digest"].partition(":")[2][:SHORT_DIGEST],
                "size": "?" if version["size"] is None else f"{version['size']:,}",
                "": "current" if version["current"] else "",
                "path": version["path"] or "",
            }
            for version in state["versions"]
        ]
        print_rows(rows, ["seen (UTC)", "digest", "size", "", "path"])
    return COMPLETED


def forget(place: StoreLocation, url: str, source: str | None, *, as_json: bool) -> int:
    """Withdraw a URL, and objects that were derived from its responses; objects and versions stay in the store.

    Returns:
        0 if it is withdrawn, now or before; 1 if the store does not have it, or a run has just fetched it again.

    Raises:
        ArgumentError: several sources have the URL and none is named.
    """
    with open_store(place) as (store, index):
        sources = index.sources()
        if source is not None and source not in sources:
            nearest = _nearest(source, sources)
            echo_error(f"expected a source of {shown_store(place)}, found {source!r}{nearest}; see `store ls`")
            return FAILED
        chosen = sources if source is None else [source]
        found = _current(index, chosen, url)
        before = [] if found else _withdrawn(index, chosen, url)
        if not found and not before:
            known = sorted({one.url for name in chosen for one in index.current(name)})
            echo_error(
                f"expected a current URL of {shown_store(place)}, found nothing for {redact_url(url)!r}"
                f"{_nearest(redact_url(url), known)}; see `store ls`"
            )
            return FAILED
        of = sorted({one.source for one in found})
        if len(of) > 1:
            raise ArgumentError.of(
                shown_store(place),
                f"expected a URL of one source, found it in {', '.join(of)}; choose with --source NAME",
            )
        now = time_of(index)
        # The URL is withdrawn even if the clock was set back.
        at = max([now, *(one.checked_at for one in found)])
        withdrawals = [Withdrawal(one.source, one.url_digest, one.url, at, "store forget") for one in found]
        withdrawn = withdraw(store, index, withdrawals)
        if before:
            # A killed process may have recorded them in the index, and not in the store.
            write_withdrawals(store, index, index.unwritten())
    gone = [(one, at) for one, is_withdrawn in zip(found, withdrawn, strict=True) if is_withdrawn]
    if as_json:
        documents = [_forgotten(one, since, new=True) for one, since in gone]
        print_json({"withdrawn": documents + [_forgotten(one, since, new=False) for one, since in before]})
    else:
        for one, _ in gone:
            echo(f"withdrawn {one.source}: {one.url} ({one.size:,} bytes remain in {shown_store(place, one.path)})")
        for one, since in before:
            echo(f"{one.source}: {one.url} was withdrawn at {time_text(since)} UTC")
    if len(gone) < len(found):
        echo_error("a run has just fetched the URL again; it is current")
        return FAILED
    return COMPLETED


def failed(place: StoreLocation, forget: Sequence[str] = (), *, as_json: bool) -> int:
    """Show the failures of the last run of each source and each dataset, and runs that have not ended.

    Args:
        place: location of the store.
        forget: sources, and datasets as `department/name`, to count as complete, for example after their removal from
            the settings.
        as_json: print a JSON document.

    Raises:
        ArgumentError: an unknown name in `forget`; nothing was changed.
    """
    with open_store(place) as (_, index):
        last = {scope: index.last_runs(scope) for scope in Scope}
        check_names("source or dataset", forget, [name for of_scope in last.values() for name in of_scope])
        for scope, of_scope in last.items():
            for name in forget:
                if name in of_scope:  # as the end of that run; a run in progress records its own end later
                    index.end_runs(scope, {name: []}, of_scope[name].run)
        found = [(scope, one) for scope in Scope for one in index.last_runs(scope).values() if not one.is_complete]
    if as_json:
        print_json(
            [
                {
                    "of": scope.value,
                    "name": one.name,
                    "began_at": one.began_at,
                    "ended_at": one.ended_at,
                    "failed": one.failed,
                    "failures": [failure._asdict() for failure in one.failures],
                }
                for scope, one in found
            ]
        )
        return COMPLETED
    for scope, one in found:
        not_done = "not made" if scope is Scope.DATASET else f"{one.failed:,} failed"  # a dataset may have been skipped
        ended = "has not ended" if one.ended_at is None else not_done
        echo(f"{scope.value} {one.name}: {ended}, began {time_text(one.began_at)} UTC")
        for failure in one.failures[:SHOWN_FAILURES]:
            echo(f"  {failure.error}")
        if len(one.failures) > SHOWN_FAILURES:
            echo(f"  and {len(one.failures) - SHOWN_FAILURES:,} more; --json has all")
    if not found:
        echo("nothing failed in the last runs")
    return COMPLETED


def _forgotten(known: IndexRow, withdrawn_at: str, *, new: bool) -> dict[str, Any]:
    return {
        "source": known.source,
        "url": known.url,
        "digest": known.digest,
        "path": known.path,
        "manifest": known.manifest,
        "withdrawn_at": withdrawn_at,
        "new": new,
    }


def _versions(store: Store, versions: Sequence[Version], *, is_withdrawn: bool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, version in enumerate(versions, 1):
        manifest: Manifest | None
        try:
            manifest = store.manifest(version.manifest)
        except DamagedManifestError:
            manifest = None
        rows.append(
            {
                "seen_at": version.seen_at,
                "digest": version.digest,
                "size": manifest and manifest.size,
                "path": manifest and manifest.path,
                "manifest": version.manifest,
                "current": number == len(versions) and not is_withdrawn,
            }
        )
    return rows


def _states(index: Index, sources: Sequence[str], url: str) -> list[tuple[str, str, str, str | None]]:
    """Source, redacted URL, digest of the URL and time of withdrawal of each match of a URL."""
    digest = url_digest(url)
    gone = [row for source in sources for row in index.withdrawn(source)]
    meant: list[tuple[IndexRow, str | None]] = [(one, None) for one in index.find(digest) if one.source in sources]
    meant += [row for row in gone if row[0].url_digest == digest]
    if not meant:
        rows = [*((one, None) for source in sources for one in index.current(source)), *gone]
        meant = [row for row in rows if _is_shown_as(row[0], redact_url(url))]
    return [(one.source, one.url, one.url_digest, withdrawn_at) for one, withdrawn_at in meant]


def _current(index: Index, sources: Sequence[str], url: str) -> list[IndexRow]:
    """The current rows of a URL, and of objects derived from its responses."""
    return _of_url([one for source in sources for one in index.current(source)], url)


def _withdrawn(index: Index, sources: Sequence[str], url: str) -> list[tuple[IndexRow, str]]:
    """The withdrawn rows of a URL, and of objects derived from its responses, with the time of withdrawal."""
    rows = [row for source in sources for row in index.withdrawn(source)]
    meant = set(_of_url([known for known, _ in rows], url))
    return [row for row in rows if row[0] in meant]


def _of_url(rows: Sequence[IndexRow], url: str) -> list[IndexRow]:
    """Rows of this URL, else of every URL with its redacted form, with objects derived from their responses."""
    meant = {source: _digests(url, source) for source in {one.source for one in rows}}
    exact = [one for one in rows if one.url_digest in meant[one.source]]
    return exact or [one for one in rows if _is_shown_as(one, redact_url(url))]


def _digests(url: str, source: str) -> set[str]:
    """Digests of a URL in a source, and of the URLs of objects derived from its responses."""
    return {
        url_digest(one) for one in (url, derived_url(url, records_name(source)), derived_url(url, links_name(source)))
    }


def _is_shown_as(known: IndexRow, redacted: str) -> bool:
    # Objects derived from the responses of an API have its URL with a fragment.
    return redacted in (known.url, known.url.partition("#")[0])


def _nearest(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
