"""The ingestion engine: content store, manifests, index, and the three kinds of source. Knows nothing of Prefect.

What may be used from outside is what `__all__` names. The shortest way through:

    async with open_engine(Path("store"), NetworkSettings()) as engine:
        outcomes = await ingest_files(engine, [FileSource(name="weather", urls=["https://…/weather.csv"])])

Each name is imported when it is asked for: processes that only transfer need neither pydantic nor httpx.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from airnub_core import moved

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
    "ApiSource": "airnub_core.sources.apis",
    "Auth": "airnub_core.sources.apis",
    "BucketAddress": "airnub_core.store.location",
    "ContentStore": "airnub_core.store.objects",
    "CursorPages": "airnub_core.sources.pagination",
    "Engine": "airnub_core.engine",
    "FileSource": "airnub_core.sources.files",
    "Incremental": "airnub_core.sources.apis",
    "IngestError": "airnub_core.errors",
    "Item": "airnub_core.items",
    "ItemError": "airnub_core.errors",
    "LinkPages": "airnub_core.sources.pagination",
    "Manifest": "airnub_core.store.manifest",
    "NetworkSettings": "airnub_core.http.settings",
    "NumberedPages": "airnub_core.sources.pagination",
    "OffsetPages": "airnub_core.sources.pagination",
    "Outcome": "airnub_core.outcome",
    "PageSource": "airnub_core.sources.pages",
    "Report": "airnub_core.outcome",
    "Secret": "airnub_core.sources.base",
    "Source": "airnub_core.sources.base",
    "Status": "airnub_core.outcome",
    "StoreError": "airnub_core.errors",
    "StoreLocation": "airnub_core.store.location",
    "Verification": "airnub_core.store.fsck",
    "ingest_apis": "airnub_core.sources.apis",
    "ingest_files": "airnub_core.sources.files",
    "ingest_pages": "airnub_core.sources.pages",
    "open_engine": "airnub_core.engine",
    "open_store": "airnub_core.store.factory",
    "reindex": "airnub_core.store.factory",
    "verify": "airnub_core.store.fsck",
}


moved.install()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        return moved.renamed(__name__, name)
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
