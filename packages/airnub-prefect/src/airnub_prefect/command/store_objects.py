"""Objects of a content store: list, show, verify, collect garbage, list partial files, rebuild the index."""

import time
from collections.abc import Sequence

from airnub_core import Manifest, StoreLocation
from airnub_core import reindex as reindex_store
from airnub_core import verify as verify_store
from airnub_core.store.gc import collect
from airnub_core.store.partials import Partials
from airnub_prefect.command.display import SHORT_DIGEST, echo, echo_error, print_json, print_rows
from airnub_prefect.command.locations import shown_store
from airnub_prefect.exit_codes import COMPLETED, FAILED
from airnub_prefect.paths import shown


def ls(place: StoreLocation, source: str | None, *, as_json: bool) -> int:
    """List the manifests of a store; `FAILED` if one is damaged, or there is no such source."""
    manifests, damaged = _readable(place, source)
    if source is not None and not manifests and not damaged:
        echo_error(f"expected a source of {shown_store(place)}, found nothing of {source!r}; see `store ls`")
        return FAILED
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
    """Show the manifests that match a digest (or its first digits), a URL or a path; `FAILED` if there is none."""
    manifests, damaged = _readable(place, None)
    found = [(path, manifest) for path, manifest in manifests if _is_meant(what, path, manifest)]
    if as_json:
        print_json([manifest.as_json() for _, manifest in found])
    else:
        for path, manifest in found:
            echo(f"{shown_store(place, manifest.path)}\n{shown_store(place, path)}")
            echo(manifest.as_bytes().decode().rstrip())
    _complain(damaged)
    if not found:
        echo_error(
            f"expected a digest, a URL or a path of {shown_store(place)}, found nothing for {what!r}; see `store ls`"
        )
        return FAILED
    return COMPLETED


def verify(place: StoreLocation, *, as_json: bool) -> int:
    """Hash every object again, and report damage; `FAILED` if there is any."""
    started = time.monotonic()
    result = verify_store(place.store(), keep_manifests=False)
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


def gc(place: StoreLocation, *, dry_run: bool, as_json: bool) -> int:
    """Collect garbage: list and remove files that no manifest refers to."""
    result = collect(place, dry_run=dry_run)
    removed = set(result.removed)
    if as_json:
        items = [
            {"path": one.path, "kind": one.kind, "size": one.size, "removed": one in removed} for one in result.found
        ]
        print_json({"found": items, "bytes": sum(one.size for one in result.removed), "writers": result.writers})
        return COMPLETED
    for one in result.found:
        echo(
            f"{'removed' if one in removed else 'found'} {one.kind} {shown_store(place, one.path)} ({one.size:,} bytes)"
        )
    size = sum(one.size for one in result.found)
    freed = sum(one.size for one in result.removed)
    echo(
        f"{len(result.found):,} without a manifest, {size:,} bytes; "
        f"{len(removed):,} removed, {freed:,} bytes{' (--dry-run)' if dry_run else ''}"
    )
    if result.writers and not dry_run and len(removed) < len(result.found):
        echo_error(
            f"{result.writers:,} processes are writing into {shown_store(place)}: "
            "files that they may use were kept; run this again when they have ended"
        )
    return COMPLETED


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
        return COMPLETED
    for one in found:
        of = "" if one.note.expected is None else f" of {one.note.expected:,}"
        verb = "removed" if remove else "found"
        echo(f"{verb} {one.note.source}: {one.note.url} ({one.note.size:,}{of} bytes) in {shown(one.folder)}")
    echo(
        f"{len(found):,} partial files, {sum(one.note.size for one in found):,} bytes; "
        f"{'removed' if remove else 'the next run resumes them'}"
    )
    return COMPLETED


def reindex(place: StoreLocation) -> int:
    """Rebuild the index from the manifests; `FAILED` if damaged ones were left out."""
    result = reindex_store(place)
    echo(f"{len(result.sound):,} manifests of {result.objects:,} objects are in the index of {shown_store(place)}")
    return _complain(result.damaged)


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
    return FAILED if damaged else COMPLETED
