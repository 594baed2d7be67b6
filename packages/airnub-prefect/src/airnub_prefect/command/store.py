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
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.paths import data_path, shown
from airnub_prefect.session import prefect_session
from airnub_prefect.settings import IndexBlock, SourceSettings, StageSettings, StoreSettings, check_names
from airnub_prefect.validation import load_yaml

SHORT_DIGEST = 12
"""Hexadecimal digits that tell the objects of any store apart, for people."""
SHOWN_FAILURES = 20
"""Failures of a source that `store failed` shows."""


def find(department: Department, store: Path | None, config: Path | None, *, with_index: bool) -> StoreLocation:
    """Where the store that is meant is: a folder, else that of a YAML file, else that of the ingestion's own YAML file.

    Args:
        department: whose ingestion it is.
        store: a folder, with its index beside it.
        config: a YAML file of settings.
        with_index: whether the index is needed, too; its secret is not asked for otherwise.

    Raises:
        ConfigurationError: nothing says where the store is, or there is none.
        ServerUnreachableError: a block says it, and the Prefect server does not answer.
    """
    place = (
        StoreLocation(store) if store is not None else located(_ingestion(department, config), with_index=with_index)
    )
    return existing_store(place)


def existing_store(place: StoreLocation) -> StoreLocation:
    """A store, whose folder has to exist.

    Raises:
        ConfigurationError: it does not.
    """
    if isinstance(place.objects, Path) and not place.objects.is_dir():
        raise ConfigurationError.of(
            shown(place.objects), "expected a content store, found no such folder; an ingestion makes it"
        )
    return place


def ls(place: StoreLocation, source: str | None, *, as_json: bool) -> int:
    """List the manifests of a store, in order; 1 where something is damaged, or there is no such source."""
    manifests, damaged = _readable(place, source)
    if source is not None and not manifests and not damaged:
        echo_error(f"expected a source of {_shown(place)}, found nothing of {source!r}; see `store ls`")
        return 1
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
    """Show the manifests that a digest (or its beginning), a URL or a path names; 1 where there is none."""
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
        return 1
    return 0


def check(place: StoreLocation, *, as_json: bool) -> int:
    """Hash every object again, and name what is damaged; 1 where something is."""
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
    """Show every version of a URL, oldest first; 1 where the store does not know it.

    A URL is known by the digest of the whole; one that is typed as it is shown, redacted, is found by that.
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
        return 1
    if as_json:
        print_json(found)
        return 0
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
    return 0


def forget(place: StoreLocation, url: str, source: str | None, *, as_json: bool) -> int:
    """Withdraw a URL at once, and what was made from its answers; its objects and its versions stay.

    Returns:
        0 where it is withdrawn, now or before; 1 where the store does not know it, or a run has just found it again.

    Raises:
        ConfigurationError: several sources have it and none is named.
    """
    with open_store(place) as (store, index):
        sources = index.sources()
        if source is not None and source not in sources:
            nearest = _nearest(source, sources)
            echo_error(f"expected a source of {_shown(place)}, found {source!r}{nearest}; see `store ls`")
            return 1
        chosen = sources if source is None else [source]
        found = _current(index, chosen, url)
        before = [] if found else _withdrawn(index, chosen, url)
        if not found and not before:
            known = sorted({one.url for name in chosen for one in index.current(name)})
            echo_error(
                f"expected a current URL of {_shown(place)}, found nothing for {redact_url(url)!r}"
                f"{_nearest(redact_url(url), known)}; see `store ls`"
            )
            return 1
        of = sorted({one.source for one in found})
        if len(of) > 1:
            raise ConfigurationError.of(
                _shown(place), f"expected a URL of one source, found it in {', '.join(of)}; choose with --source NAME"
            )
        now = time_of(index)
        # A clock that was set back must not keep a URL from being withdrawn.
        at = max([now, *(one.checked_at for one in found)])
        withdrawals = [Withdrawal(one.source, one.url_digest, one.url, at, "store forget") for one in found]
        withdrawn = withdraw(store, index, withdrawals)
        if before:
            # The store may not have them: a process that was killed has left them in the index alone.
            write_withdrawals(store, index, index.unwritten())
    gone = [(one, at) for one, is_withdrawn in zip(found, withdrawn, strict=True) if is_withdrawn]
    if as_json:
        documents = [_forgotten(one, since, new=True) for one, since in gone]
        print_json({"withdrawn": documents + [_forgotten(one, since, new=False) for one, since in before]})
    else:
        for one, _ in gone:
            echo(f"withdrawn {one.source}: {one.url} ({one.size:,} bytes stay in {_shown(place, one.path)})")
        for one, since in before:
            echo(f"{one.source}: {one.url} is withdrawn since {_second(since)} UTC")
    if len(gone) < len(found):
        echo_error("a run has found the URL again in this moment; it is current")
        return 1
    return 0


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
    """Name what no manifest refers to, and remove it."""
    result = collect(place, dry_run=dry_run)
    removed = set(result.removed)
    if as_json:
        items = [
            {"path": one.path, "kind": one.kind, "size": one.size, "removed": one in removed} for one in result.found
        ]
        print_json({"found": items, "bytes": sum(one.size for one in result.removed), "writers": result.writers})
        return 0
    for one in result.found:
        echo(f"{'removed' if one in removed else 'found'} {one.kind} {_shown(place, one.path)} ({one.size:,} bytes)")
    size = sum(one.size for one in result.found)
    freed = sum(one.size for one in result.removed)
    echo(
        f"{len(result.found):,} that no manifest refers to, {size:,} bytes; "
        f"{len(removed):,} removed, {freed:,} bytes{' (--dry-run)' if dry_run else ''}"
    )
    if result.writers and not dry_run and len(removed) < len(result.found):
        echo_error(
            f"{result.writers:,} processes are writing into {_shown(place)}: "
            "what they may be about to use was left; run this again when they have ended"
        )
    return 0


def partials(place: StoreLocation, *, remove: bool, as_json: bool) -> int:
    """Name the partial files that wait for the next run to go on with them, and remove them."""
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
        return 0
    for one in found:
        of = "" if one.note.expected is None else f" of {one.note.expected:,}"
        verb = "removed" if remove else "found"
        echo(f"{verb} {one.note.source}: {one.note.url} ({one.note.size:,}{of} bytes) in {shown(one.folder)}")
    echo(
        f"{len(found):,} partial files, {sum(one.note.size for one in found):,} bytes; "
        f"{'removed' if remove else 'the next run goes on with them'}"
    )
    return 0


def failed(place: StoreLocation, forget: Sequence[str] = (), *, as_json: bool) -> int:
    """Show what failed in the last run of each source and each dataset, and which runs have not ended.

    Args:
        place: of the store.
        forget: sources, and datasets as `department/name`, that count as complete from now on, such as those taken out
            of the settings.
        as_json: print a JSON document.

    Raises:
        ConfigurationError: a name to forget that is not among them; nothing was forgotten.
    """
    with open_store(place) as (_, index):
        last = {scope: index.last_runs(scope) for scope in Scope}
        check_names("source or dataset", forget, [name for of_scope in last.values() for name in of_scope])
        for scope, of_scope in last.items():
            for name in forget:
                if name in of_scope:  # by its own run: the end of one that still runs is noted after this
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
        return 0
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
    return 0


def rebuild(place: StoreLocation) -> int:
    """Build the index anew from the manifests; 1 where something is damaged and was left out."""
    result = reindex(place)
    echo(f"{len(result.sound):,} manifests of {result.objects:,} objects are in the index of {_shown(place)}")
    return _complain(result.damaged)


def located(settings: StoreSettings, *, with_index: bool) -> StoreLocation:
    """Where the store of settings is; the server is asked only where a block says it.

    Raises:
        ConfigurationError: a block is missing, or is not of a form that can be used.
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
    """A store, or something in it, as a person types it."""
    if isinstance(place.objects, Path):
        return shown(place.objects / path)
    return f"{place.name}/{path}".rstrip("/")


def _ingestion(department: Department, config: Path | None) -> SourceSettings:
    for stage in department.stages:
        kind: type[StageSettings] = stage.load_settings()
        if issubclass(kind, SourceSettings):
            path = config or kind.yaml_path()
            if path is None:
                raise ConfigurationError.of(kind.yaml_name(), "no such file here; name the folder with --store FOLDER")
            return load_yaml(kind, path)
    raise ConfigurationError.of(department.name, "has no stage that ingests; name the folder with --store FOLDER")


def _states(index: Index, sources: Sequence[str], url: str) -> list[tuple[str, str, str, str | None]]:
    """Source, redacted URL, digest of URL of what is meant, and when it was withdrawn."""
    digest = url_digest(url)
    gone = [row for source in sources for row in index.withdrawn(source)]
    meant: list[tuple[IndexRow, str | None]] = [(one, None) for one in index.find(digest) if one.source in sources]
    meant += [row for row in gone if row[0].url_digest == digest]
    if not meant:
        rows = [*((one, None) for source in sources for one in index.current(source)), *gone]
        meant = [row for row in rows if _is_shown_as(row[0], redact_url(url))]
    return [(one.source, one.url, one.url_digest, withdrawn_at) for one, withdrawn_at in meant]


def _current(index: Index, sources: Sequence[str], url: str) -> list[IndexRow]:
    """What is current of a URL, with what was made from its answers."""
    return _of_url([one for source in sources for one in index.current(source)], url)


def _withdrawn(index: Index, sources: Sequence[str], url: str) -> list[tuple[IndexRow, str]]:
    """The same of what is withdrawn, with the time."""
    rows = [row for source in sources for row in index.withdrawn(source)]
    meant = set(_of_url([known for known, _ in rows], url))
    return [row for row in rows if row[0] in meant]


def _of_url(rows: Sequence[IndexRow], url: str) -> list[IndexRow]:
    """A URL as a whole, else every URL that is shown so, each with what was made from its answers."""
    meant = {source: _digests(url, source) for source in {one.source for one in rows}}
    exact = [one for one in rows if one.url_digest in meant[one.source]]
    return exact or [one for one in rows if _is_shown_as(one, redact_url(url))]


def _is_shown_as(known: IndexRow, redacted: str) -> bool:
    # What is made from the answers of an API has the API's URL with a fragment.
    return redacted in (known.url, known.url.partition("#")[0])


def _digests(url: str, source: str) -> set[str]:
    """What a URL is known by in a source, and what is made there from its answers."""
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
    return 1 if damaged else 0
