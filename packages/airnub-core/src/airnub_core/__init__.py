"""The ingestion engine: content store, manifests, index, and the three kinds of source. Knows nothing of Prefect.

    async with open_engine(Path("store"), NetworkSettings()) as engine:
        outcomes = await ingest_files(engine, [FileSource(name="weather", urls=["https://…/weather.csv"])])

sources        kinds of source: files, APIs, pages
items          `Item`, a wanted URL, and the request for it
engine         opens a store; items in, outcomes out
downloads      many items concurrently, from the dispatcher to the commit
dispatcher     chooses the next item, round-robin over hosts; leases for workers that share an index
http           the only code that makes requests
store          objects, manifests and the index
commit         publishes, records in the index, and reports outcomes in batches; withdraws URLs that are gone
outcome        result of an item and of a stage; files of later stages, written only if they changed
errors         all errors, in one hierarchy
contracts      data contracts, without polars; tolerances and other limits in settings
concurrency    task groups, threads that are awaited on cancellation, ordered results of a pool
strict_model   base of settings and contracts: unknown keys are errors
sample_site    a small web site on loopback, for demos and tests
moved          modules and names of the previous version

`__all__` is the public interface. Its names are imported at first use, so that downloading processes import neither
Pydantic nor httpx.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from airnub_core.moved import MOVED

if TYPE_CHECKING:
    from airnub_core.engine import Engine, open_engine
    from airnub_core.errors import IngestError, ItemError, StoreError
    from airnub_core.http.settings import NetworkSettings
    from airnub_core.items import Item
    from airnub_core.outcome import Outcome, Report, Status
    from airnub_core.sources.apis import ApiSource, Auth, Incremental, ingest_apis
    from airnub_core.sources.base import Secret, Source
    from airnub_core.sources.files import FileSource, ingest_files
    from airnub_core.sources.pages import PageSource, ingest_pages
    from airnub_core.sources.pagination import CursorPages, LinkPages, NumberedPages, OffsetPages
    from airnub_core.store.factory import open_store, reindex
    from airnub_core.store.fsck import Verification, verify
    from airnub_core.store.location import BucketAddress, StoreLocation
    from airnub_core.store.manifest import Manifest
    from airnub_core.store.objects import ContentStore

__all__ = [
    "ApiSource",
    "Auth",
    "BucketAddress",
    "ContentStore",
    "CursorPages",
    "Engine",
    "FileSource",
    "Incremental",
    "IngestError",
    "Item",
    "ItemError",
    "LinkPages",
    "Manifest",
    "NetworkSettings",
    "NumberedPages",
    "OffsetPages",
    "Outcome",
    "PageSource",
    "Report",
    "Secret",
    "Source",
    "Status",
    "StoreError",
    "StoreLocation",
    "Verification",
    "ingest_apis",
    "ingest_files",
    "ingest_pages",
    "open_engine",
    "open_store",
    "reindex",
    "verify",
]

_HOMES = {
    name: f"airnub_core.{module}"
    for module, names in {
        "engine": ("Engine", "open_engine"),
        "errors": ("IngestError", "ItemError", "StoreError"),
        "http.settings": ("NetworkSettings",),
        "items": ("Item",),
        "outcome": ("Outcome", "Report", "Status"),
        "sources.apis": ("ApiSource", "Auth", "Incremental", "ingest_apis"),
        "sources.base": ("Secret", "Source"),
        "sources.files": ("FileSource", "ingest_files"),
        "sources.pages": ("PageSource", "ingest_pages"),
        "sources.pagination": ("CursorPages", "LinkPages", "NumberedPages", "OffsetPages"),
        "store.factory": ("open_store", "reindex"),
        "store.fsck": ("Verification", "verify"),
        "store.location": ("BucketAddress", "StoreLocation"),
        "store.manifest": ("Manifest",),
        "store.objects": ("ContentStore",),
    }.items()
    for name in names
}


MOVED.install()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        return MOVED.renamed(__name__, name)
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
