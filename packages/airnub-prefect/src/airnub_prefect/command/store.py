"""The `store` commands: looking at a content store. They need no Prefect."""

import time
from collections.abc import Sequence
from pathlib import Path

from airnub_core import ContentStore, Manifest, reindex, verify
from airnub_prefect.command.display import print_json, print_rows, say_error, tell
from airnub_prefect.department import Department
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.places import data_path, shown
from airnub_prefect.settings import SourceSettings, StageSettings
from airnub_prefect.validation import load_yaml

SHORT_DIGEST = 12
"""Hexadecimal digits that tell the objects of any store apart, for people."""


def open_for_reading(department: Department, store: Path | None, config: Path | None) -> ContentStore:
    """The store that is meant: a folder, else that of a YAML file, else that of the ingestion's own YAML file.

    Raises:
        ConfigurationError: nothing says where the store is, or there is none.
    """
    root = store if store is not None else data_path(_ingestion(department, config).store)
    if not root.is_dir():
        raise ConfigurationError.of(
            shown(root), "expected a content store, found no such folder; an ingestion makes it"
        )
    return ContentStore(root)


def ls(store: ContentStore, source: str | None, *, as_json: bool) -> int:
    """List the manifests of a store, in order; 1 where something is damaged, or there is no such source."""
    manifests, damaged = _readable(store, source)
    if source is not None and not manifests and not damaged:
        say_error(f"expected a source of {shown(store.root)}, found nothing of {source!r}; see `store ls`")
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


def show(store: ContentStore, what: str, *, as_json: bool) -> int:
    """Show the manifests that a digest (or its beginning), a URL or a path names; 1 where there is none."""
    manifests, damaged = _readable(store, None)
    found = [(path, manifest) for path, manifest in manifests if _is_meant(what, path, manifest)]
    if as_json:
        print_json([manifest.model_dump(mode="json") for _, manifest in found])
    else:
        for path, manifest in found:
            tell(
                f"{shown(store.root / manifest.path)}\n{shown(store.root / path)}\n{manifest.model_dump_json(indent=2)}"
            )
    _complain(damaged)
    if not found:
        say_error(
            f"expected a digest, a URL or a path of {shown(store.root)}, found nothing for {what!r}; see `store ls`"
        )
        return 1
    return 0


def check(store: ContentStore, *, as_json: bool) -> int:
    """Hash every object again, and name what is damaged; 1 where something is."""
    started = time.monotonic()
    result = verify(store)
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


def rebuild(store: ContentStore) -> int:
    """Build the index anew from the manifests; 1 where something is damaged and was left out."""
    result = reindex(store.root)
    tell(f"{len(result.sound):,} manifests of {result.objects:,} objects are in the index of {shown(store.root)}")
    return _complain(result.damaged)


def _ingestion(department: Department, config: Path | None) -> SourceSettings:
    for stage in department.stages:
        kind: type[StageSettings] = stage.load_settings()
        if issubclass(kind, SourceSettings):
            path = config or kind.yaml_path()
            if path is None:
                raise ConfigurationError.of(kind.yaml_name(), "no such file here; name the folder with --store FOLDER")
            return load_yaml(kind, path)
    raise ConfigurationError.of(department.name, "has no stage that ingests; name the folder with --store FOLDER")


def _readable(store: ContentStore, source: str | None) -> tuple[list[tuple[str, Manifest]], list[Exception]]:
    manifests: list[tuple[str, Manifest]] = []
    damaged: list[Exception] = []
    for path, manifest in store.manifests(source):
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
