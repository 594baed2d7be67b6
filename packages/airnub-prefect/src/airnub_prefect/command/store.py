"""The `store` commands: looking at a content store. They need no Prefect, unless a block says where the store is."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airnub_common import redact_url
from airnub_core import Manifest, Place, open_store, reindex, verify
from airnub_core.errors import DamagedManifestError
from airnub_core.store.collection import collect
from airnub_core.store.index import Index, Version
from airnub_core.store.manifest import url_digest
from airnub_core.store.partials import Partials
from airnub_core.store.protocol import Store
from airnub_prefect.command.display import print_json, print_rows, say_error, tell
from airnub_prefect.department import Department
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.places import data_path, shown
from airnub_prefect.session import prefect_session
from airnub_prefect.settings import IndexBlock, SourceSettings, StageSettings, StoreSettings
from airnub_prefect.validation import load_yaml

SHORT_DIGEST = 12
"""Hexadecimal digits that tell the objects of any store apart, for people."""


def find(department: Department, store: Path | None, config: Path | None, *, with_index: bool) -> Place:
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
    place = Place(store) if store is not None else located(_ingestion(department, config), with_index=with_index)
    if isinstance(place.objects, Path) and not place.objects.is_dir():
        raise ConfigurationError.of(
            shown(place.objects), "expected a content store, found no such folder; an ingestion makes it"
        )
    return place


def ls(place: Place, source: str | None, *, as_json: bool) -> int:
    """List the manifests of a store, in order; 1 where something is damaged, or there is no such source."""
    manifests, damaged = _readable(place, source)
    if source is not None and not manifests and not damaged:
        say_error(f"expected a source of {_shown(place)}, found nothing of {source!r}; see `store ls`")
        return 1
    if as_json:
        print_json([manifest.model_dump(mode="json") for _, manifest in manifests])
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


def show(place: Place, what: str, *, as_json: bool) -> int:
    """Show the manifests that a digest (or its beginning), a URL or a path names; 1 where there is none."""
    manifests, damaged = _readable(place, None)
    found = [(path, manifest) for path, manifest in manifests if _is_meant(what, path, manifest)]
    if as_json:
        print_json([manifest.model_dump(mode="json") for _, manifest in found])
    else:
        for path, manifest in found:
            tell(f"{_shown(place, manifest.path)}\n{_shown(place, path)}\n{manifest.model_dump_json(indent=2)}")
    _complain(damaged)
    if not found:
        say_error(f"expected a digest, a URL or a path of {_shown(place)}, found nothing for {what!r}; see `store ls`")
        return 1
    return 0


def check(place: Place, *, as_json: bool) -> int:
    """Hash every object again, and name what is damaged; 1 where something is."""
    started = time.monotonic()
    result = verify(place.store(), keep_manifests=False)
    seconds = time.monotonic() - started
    if as_json:
        document = {"objects": result.objects, "bytes": result.size, "seconds": round(seconds, 3)}
        print_json(document | {"damaged": [error.as_json() | {"path": error.path} for error in result.damaged]})
    else:
        tell(
            f"{result.objects:,} objects, {result.size:,} bytes in {seconds:.2f} s "
            f"({result.size / 1e6 / max(seconds, 1e-9):,.0f} MB/s): {len(result.damaged):,} damaged"
        )
    return _complain(result.damaged)


def log(place: Place, url: str, source: str | None, *, as_json: bool) -> int:
    """Show every version of a URL, oldest first; 1 where the store does not know it.

    A URL is known by the digest of the whole; one that is typed as it is shown, redacted, is found by that.
    """
    with open_store(place) as (store, index):
        sources = [one for one in index.sources() if source is None or one == source]
        found: list[dict[str, Any]] = [
            {"source": one, "url": shown_url, "versions": _versions(store, index.versions(one, digest))}
            for one, shown_url, digest in _states(index, sources, url)
        ]
    if not found:
        say_error(f"expected a URL of {_shown(place)}, found nothing for {redact_url(url)!r}; see `store ls`")
        return 1
    if as_json:
        print_json(found)
        return 0
    for state in found:
        tell(f"{state['source']}: {state['url']}")
        rows = [
            {
                "seen (UTC)": version["seen_at"][:19].replace("T", " "),
                "digest": version["digest"].partition(":")[2][:SHORT_DIGEST],
                "size": "?" if version["size"] is None else f"{version['size']:,}",
                "": "current" if version["current"] else "",
                "path": version["path"] or "",
            }
            for version in state["versions"]
        ]
        print_rows(rows, ["seen (UTC)", "digest", "size", "", "path"])
    return 0


def gc(place: Place, *, dry_run: bool, as_json: bool) -> int:
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
        tell(f"{'removed' if one in removed else 'found'} {one.kind} {_shown(place, one.path)} ({one.size:,} bytes)")
    size = sum(one.size for one in result.found)
    freed = sum(one.size for one in result.removed)
    tell(
        f"{len(result.found):,} that no manifest refers to, {size:,} bytes; "
        f"{len(removed):,} removed, {freed:,} bytes{' (--dry-run)' if dry_run else ''}"
    )
    if result.writers and not dry_run and len(removed) < len(result.found):
        say_error(
            f"{result.writers:,} processes are writing into {_shown(place)}: "
            "what they may be about to use was left; run this again when they have ended"
        )
    return 0


def partials(place: Place, *, remove: bool, as_json: bool) -> int:
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
        tell(f"{verb} {one.note.source}: {one.note.url} ({one.note.size:,}{of} bytes) in {shown(one.folder)}")
    tell(
        f"{len(found):,} partial files, {sum(one.note.size for one in found):,} bytes; "
        f"{'removed' if remove else 'the next run goes on with them'}"
    )
    return 0


def rebuild(place: Place) -> int:
    """Build the index anew from the manifests; 1 where something is damaged and was left out."""
    result = reindex(place)
    tell(f"{len(result.sound):,} manifests of {result.objects:,} objects are in the index of {_shown(place)}")
    return _complain(result.damaged)


def located(settings: StoreSettings, *, with_index: bool) -> Place:
    """Where the store of settings is; the server is asked only where a block says it.

    Raises:
        ConfigurationError: a block is missing, or is not of a form that can be used.
        ServerUnreachableError: the Prefect server does not answer.
    """
    if not with_index:
        settings = settings.model_copy(update={"index": None})
    if isinstance(settings.store, str) and not isinstance(settings.index, IndexBlock):
        return Place(data_path(settings.store), settings.index)
    with prefect_session() as session:
        from airnub_prefect.blocks import locate

        session.wait_until_ready()
        return asyncio.run(locate(settings))


def _shown(place: Place, path: str = "") -> str:
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


def _states(index: Index, sources: Sequence[str], url: str) -> list[tuple[str, str, str]]:
    """Source, redacted URL and digest of URL of what is meant."""
    digest, redacted = url_digest(url), redact_url(url)
    exact = [(source, redacted, digest) for source in sources if index.versions(source, digest)]
    return exact or [
        (source, known.url, known.url_digest)
        for source in sources
        for known in index.current(source)
        # What is made from the answers of an API has the API's URL with a fragment.
        if redacted in (known.url, known.url.partition("#")[0])
    ]


def _versions(store: Store, versions: Sequence[Version]) -> list[dict[str, Any]]:
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
                "current": number == len(versions),
            }
        )
    return rows


def _readable(place: Place, source: str | None) -> tuple[list[tuple[str, Manifest]], list[Exception]]:
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
        say_error(f"damaged: {error}")
    return 1 if damaged else 0
