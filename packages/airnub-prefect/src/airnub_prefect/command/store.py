"""The `store` commands: inspect a content store, without Prefect unless a block gives its location."""

import asyncio
import time
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from airnub_common import redact_url
from airnub_core import Manifest, StoreLocation, open_store, reindex, verify
from airnub_core.errors import DamagedManifestError
from airnub_core.store.clock import time_of
from airnub_core.store.gc import collect
from airnub_core.store.index import Index, IndexRow, Scope, Version
from airnub_core.store.layout import derived_url, links_name, records_name
from airnub_core.store.manifest import url_digest
from airnub_core.store.partials import Partials
from airnub_core.store.protocol import Store
from airnub_core.store.withdrawal import Withdrawal, withdraw, write_withdrawals
from airnub_prefect.command.display import echo, echo_error, print_json, print_rows
from airnub_prefect.department import Department
from airnub_prefect.errors import ArgumentError, ConfigurationError
from airnub_prefect.exit_codes import FAILURE, SUCCESS
from airnub_prefect.paths import data_path, shown
from airnub_prefect.session import prefect_session
from airnub_prefect.settings import IndexBlock, SourceSettings, StageSettings, StoreSettings, check_names
from airnub_prefect.validation import load_yaml

SHORT_DIGEST = 12
"""Hexadecimal digits of a printed digest, enough to distinguish the objects of any store."""
SHOWN_FAILURES = 20
"""Maximum number of failures of a source in the output of `store failed`."""


def find(department: Department, store: Path | None, config: Path | None, *, with_index: bool) -> StoreLocation:
    """The location of a store: a folder, else from a YAML file, else from the ingestion's own YAML file.

    Args:
        department: department of the ingestion.
        store: folder of the store, with its index.
        config: YAML file with settings of the ingestion.
        with_index: whether the index is needed; otherwise its secret is not read.

    Raises:
        ConfigurationError: the location is unknown, or there is no store.
        ServerUnreachableError: the location is in a block, and the Prefect server does not answer.
    """
    place = (
        StoreLocation(store) if store is not None else located(_ingestion(department, config), with_index=with_index)
    )
    return existing_store(place)


def existing_store(place: StoreLocation) -> StoreLocation:
    """Check that the folder of a store exists.

    Raises:
        ConfigurationError: it does not exist.
    """
    if isinstance(place.objects, Path) and not place.objects.is_dir():
        raise ConfigurationError.of(
            shown(place.objects), "expected a content store, found no such folder; an ingestion creates it"
        )
    return place


def ls(place: StoreLocation, source: str | None, *, as_json: bool) -> int:
    """List the manifests of a store; returns 1 if one is damaged, or there is no such source."""
    manifests, damaged = _readable(place, source)
    if source is not None and not manifests and not damaged:
        echo_error(f"expected a source of {_shown(place)}, found nothing of {source!r}; see `store ls`")
        return FAILURE
    if as_json:
        print_json([manifest.as_json() for _, manifest in manifests])
    else:
        rows = [
            {
                "source": manifest.source,
                "file": manifest.file_name,
                "size": f"{manifest.size:,}",
                "digest": manifest.digest.partition(":")[2][:SHORT_DIGEST],
                "fetched (UTC)": f"{manifest.fetched_at:%Y-%m-%d %H:%M:%S}",
                "url": manifest.url,
            }
            for _, manifest in manifests
        ]
        print_rows(rows, ["source", "file", "size", "digest", "fetched (UTC)", "url"])
    return _complain(damaged)


def show(place: StoreLocation, what: str, *, as_json: bool) -> int:
    """Show the manifests that match a digest (or its first digits), a URL or a path; returns 1 if there is none."""
    manifests, damaged = _readable(place, None)
    found = [(path, manifest) for path, manifest in manifests if _is_meant(what, path, manifest)]
    if as_json:
        print_json([manifest.as_json() for _, manifest in found])
    else:
        for path, manifest in found:
            echo(f"{_shown(place, manifest.path)}\n{_shown(place, path)}\n{manifest.as_bytes().decode().rstrip()}")
    _complain(damaged)
    if not found:
        echo_error(f"expected a digest, a URL or a path of {_shown(place)}, found nothing for {what!r}; see `store ls`")
        return FAILURE
    return SUCCESS


def check(place: StoreLocation, *, as_json: bool) -> int:
    """Hash every object again, and report damage; returns 1 if there is any."""
    started = time.monotonic()
    result = verify(place.store(), keep_manifests=False)
    seconds = time.monotonic() - started
    if as_json:
        document = {"objects": result.objects, "bytes": result.size, "seconds": round(seconds, 3)}
        print_json(document | {"damaged": [error.as_json() | {"path": error.path} for error in result.damaged]})
    else:
        echo(
            f"{result.objects:,} objects, {result.size:,} bytes in {seconds:.2f} s "
            f"({result.size / 1e6 / max(seconds, 1e-9):,.0f} MB/s): {len(result.damaged):,} damaged"
        )
    return _complain(result.damaged)


def log(place: StoreLocation, url: str, source: str | None, *, as_json: bool) -> int:
    """Show every version of a URL, oldest first; returns 1 if the store does not have the URL.

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
        echo_error(f"expected a URL of {_shown(place)}, found nothing for {redact_url(url)!r}; see `store ls`")
        return FAILURE
    if as_json:
        print_json(found)
        return SUCCESS
    for state in found:
        since = f" (withdrawn {_second(state['withdrawn_at'])} UTC)" if "withdrawn_at" in state else ""
        echo(f"{state['source']}: {state['url']}{since}")
        rows = [
            {
                "seen (UTC)": _second(version["seen_at"]),
                "digest": version["digest"].partition(":")[2][:SHORT_DIGEST],
                "size": "?" if version["size"] is None else f"{version['size']:,}",
                "": "current" if version["current"] else "",
                "path": version["path"] or "",
            }
            for version in state["versions"]
        ]
        print_rows(rows, ["seen (UTC)", "digest", "size", "", "path"])
    return SUCCESS


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
            echo_error(f"expected a source of {_shown(place)}, found {source!r}{nearest}; see `store ls`")
            return FAILURE
        chosen = sources if source is None else [source]
        found = _current(index, chosen, url)
        before = [] if found else _withdrawn(index, chosen, url)
        if not found and not before:
            known = sorted({one.url for name in chosen for one in index.current(name)})
            echo_error(
                f"expected a current URL of {_shown(place)}, found nothing for {redact_url(url)!r}"
                f"{_nearest(redact_url(url), known)}; see `store ls`"
            )
            return FAILURE
        of = sorted({one.source for one in found})
        if len(of) > 1:
            raise ArgumentError.of(
                _shown(place), f"expected a URL of one source, found it in {', '.join(of)}; choose with --source NAME"
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
            echo(f"withdrawn {one.source}: {one.url} ({one.size:,} bytes remain in {_shown(place, one.path)})")
        for one, since in before:
            echo(f"{one.source}: {one.url} was withdrawn at {_second(since)} UTC")
    if len(gone) < len(found):
        echo_error("a run has just fetched the URL again; it is current")
        return FAILURE
    return SUCCESS


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


def gc(place: StoreLocation, *, dry_run: bool, as_json: bool) -> int:
    """Collect garbage: list and remove files that no manifest refers to."""
    result = collect(place, dry_run=dry_run)
    removed = set(result.removed)
    if as_json:
        items = [
            {"path": one.path, "kind": one.kind, "size": one.size, "removed": one in removed} for one in result.found
        ]
        print_json({"found": items, "bytes": sum(one.size for one in result.removed), "writers": result.writers})
        return SUCCESS
    for one in result.found:
        echo(f"{'removed' if one in removed else 'found'} {one.kind} {_shown(place, one.path)} ({one.size:,} bytes)")
    size = sum(one.size for one in result.found)
    freed = sum(one.size for one in result.removed)
    echo(
        f"{len(result.found):,} without a manifest, {size:,} bytes; "
        f"{len(removed):,} removed, {freed:,} bytes{' (--dry-run)' if dry_run else ''}"
    )
    if result.writers and not dry_run and len(removed) < len(result.found):
        echo_error(
            f"{result.writers:,} processes are writing into {_shown(place)}: "
            "files that they may use were kept; run this again when they have ended"
        )
    return SUCCESS


def partials(place: StoreLocation, *, remove: bool, as_json: bool) -> int:
    """List the partial files that the next run resumes, and optionally remove them."""
    waiting = Partials(place.hidden)
    found = list(waiting)
    if remove:
        for one in found:
            waiting.remove(one.folder.name)
    if as_json:
        fields = ("source", "url", "size", "expected")
        items = [
            {field: getattr(one.note, field) for field in fields} | {"folder": str(one.folder), "removed": remove}
            for one in found
        ]
        print_json({"found": items, "bytes": sum(one.note.size for one in found)})
        return SUCCESS
    for one in found:
        of = "" if one.note.expected is None else f" of {one.note.expected:,}"
        verb = "removed" if remove else "found"
        echo(f"{verb} {one.note.source}: {one.note.url} ({one.note.size:,}{of} bytes) in {shown(one.folder)}")
    echo(
        f"{len(found):,} partial files, {sum(one.note.size for one in found):,} bytes; "
        f"{'removed' if remove else 'the next run resumes them'}"
    )
    return SUCCESS


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
        return SUCCESS
    for scope, one in found:
        not_done = "not made" if scope is Scope.DATASET else f"{one.failed:,} failed"  # a dataset may have been skipped
        ended = "has not ended" if one.ended_at is None else not_done
        echo(f"{scope.value} {one.name}: {ended}, began {_second(one.began_at)} UTC")
        for failure in one.failures[:SHOWN_FAILURES]:
            echo(f"  {failure.error}")
        if len(one.failures) > SHOWN_FAILURES:
            echo(f"  and {len(one.failures) - SHOWN_FAILURES:,} more; --json has all")
    if not found:
        echo("nothing failed in the last runs")
    return SUCCESS


def rebuild(place: StoreLocation) -> int:
    """Rebuild the index from the manifests; returns 1 if damaged ones were left out."""
    result = reindex(place)
    echo(f"{len(result.sound):,} manifests of {result.objects:,} objects are in the index of {_shown(place)}")
    return _complain(result.damaged)


def located(settings: StoreSettings, *, with_index: bool) -> StoreLocation:
    """The location of the store of settings; the Prefect server is used only if the location is in a block.

    Raises:
        ConfigurationError: a block is missing or has an unsupported form.
        ServerUnreachableError: the Prefect server does not answer.
    """
    if not with_index:
        settings = settings.model_copy(update={"index": None})
    if isinstance(settings.store, str) and not isinstance(settings.index, IndexBlock):
        return StoreLocation(data_path(settings.store), settings.index)
    with prefect_session() as session:
        from airnub_prefect.blocks import locate

        session.wait_until_ready()
        return asyncio.run(locate(settings))


def _shown(place: StoreLocation, path: str = "") -> str:
    """The path or URL of a store, or of a file in it, for messages."""
    if isinstance(place.objects, Path):
        return shown(place.objects / path)
    return f"{place.name}/{path}".rstrip("/")


def _ingestion(department: Department, config: Path | None) -> SourceSettings:
    for stage in department.stages:
        kind: type[StageSettings] = stage.load_settings()
        if issubclass(kind, SourceSettings):
            path = config or kind.yaml_path()
            if path is None:
                raise ConfigurationError.of(
                    kind.yaml_name(), "there is no such file in a checkout; name the folder with --store FOLDER"
                )
            return load_yaml(kind, path)
    raise ConfigurationError.of(
        department.name, "expected a stage that ingests, found none; name the folder with --store FOLDER"
    )


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


def _is_shown_as(known: IndexRow, redacted: str) -> bool:
    # Objects derived from the responses of an API have its URL with a fragment.
    return redacted in (known.url, known.url.partition("#")[0])


def _digests(url: str, source: str) -> set[str]:
    """Digests of a URL in a source, and of the URLs of objects derived from its responses."""
    return {
        url_digest(one) for one in (url, derived_url(url, records_name(source)), derived_url(url, links_name(source)))
    }


def _second(at: str) -> str:
    return at[:19].replace("T", " ")


def _nearest(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


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


def _readable(place: StoreLocation, source: str | None) -> tuple[list[tuple[str, Manifest]], list[Exception]]:
    manifests: list[tuple[str, Manifest]] = []
    damaged: list[Exception] = []
    for path, manifest in place.store().manifests(source):
        if isinstance(manifest, Manifest):
            manifests.append((path, manifest))
        else:
            damaged.append(manifest)
    return manifests, damaged


def _is_meant(what: str, path: str, manifest: Manifest) -> bool:
    digits = what.removeprefix("sha256:").lower()
    names = {manifest.url, manifest.path, path, manifest.file_name}
    return what in names or (len(digits) >= 4 and manifest.digest.partition(":")[2].startswith(digits))


def _complain(damaged: Sequence[Exception]) -> int:
    for error in damaged:
        echo_error(f"damaged: {error}")
    return FAILURE if damaged else SUCCESS
