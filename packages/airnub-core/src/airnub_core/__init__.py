"""The ingestion engine: content store, manifests, index, and the three kinds of source. Knows nothing of Prefect.

What may be used from outside is what `__all__` names. The shortest way through:

    async with open_engine(Path("store"), NetworkSettings()) as engine:
        outcomes = await ingest_files(engine, [FileSource(name="weather", urls=["https://…/weather.csv"])])

Each name is imported when it is asked for: processes that only transfer need neither pydantic nor httpx.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airnub_core.arrival import Item
    from airnub_core.engine import Engine, open_engine
    from airnub_core.errors import IngestError, ItemError, StoreError
    from airnub_core.http.settings import NetworkSettings
    from airnub_core.outcome import Kind, Outcome, Report
    from airnub_core.sources.apis import ingest_apis
    from airnub_core.sources.files import ingest_files
    from airnub_core.sources.pages import ingest_pages
    from airnub_core.sources.settings import ApiSource, FileSource, PageSource, Secret
    from airnub_core.store.bucket_address import BucketAddress
    from airnub_core.store.content_store import ContentStore
    from airnub_core.store.manifest import Manifest
    from airnub_core.store.opening import Place, open_store, reindex
    from airnub_core.store.verification import Verification, verify

__all__ = [
    "ApiSource",
    "BucketAddress",
    "ContentStore",
    "Engine",
    "FileSource",
    "IngestError",
    "Item",
    "ItemError",
    "Kind",
    "Manifest",
    "NetworkSettings",
    "Outcome",
    "PageSource",
    "Place",
    "Report",
    "Secret",
    "StoreError",
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
    "ApiSource": "airnub_core.sources.settings",
    "BucketAddress": "airnub_core.store.bucket_address",
    "ContentStore": "airnub_core.store.content_store",
    "Engine": "airnub_core.engine",
    "FileSource": "airnub_core.sources.settings",
    "IngestError": "airnub_core.errors",
    "Item": "airnub_core.arrival",
    "ItemError": "airnub_core.errors",
    "Kind": "airnub_core.outcome",
    "Manifest": "airnub_core.store.manifest",
    "NetworkSettings": "airnub_core.http.settings",
    "Outcome": "airnub_core.outcome",
    "PageSource": "airnub_core.sources.settings",
    "Place": "airnub_core.store.opening",
    "Report": "airnub_core.outcome",
    "Secret": "airnub_core.sources.settings",
    "StoreError": "airnub_core.errors",
    "Verification": "airnub_core.store.verification",
    "ingest_apis": "airnub_core.sources.apis",
    "ingest_files": "airnub_core.sources.files",
    "ingest_pages": "airnub_core.sources.pages",
    "open_engine": "airnub_core.engine",
    "open_store": "airnub_core.store.opening",
    "reindex": "airnub_core.store.opening",
    "verify": "airnub_core.store.verification",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
