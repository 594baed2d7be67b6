"""The ingestion engine: content store, manifests, index, and the three kinds of source. Knows nothing of Prefect.

What may be used from outside is what `__all__` names. The shortest way through:

    async with open_engine(Path("store"), NetworkSettings()) as engine:
        outcomes = await ingest_files(engine, [FileSource(name="weather", urls=["https://…/weather.csv"])])
"""

from airnub_core.arrival import Item
from airnub_core.engine import Engine, open_engine
from airnub_core.errors import IngestError, ItemError, StoreError
from airnub_core.network.settings import NetworkSettings
from airnub_core.outcome import Kind, Outcome, Report
from airnub_core.sources.apis import ingest_apis
from airnub_core.sources.files import ingest_files
from airnub_core.sources.pages import ingest_pages
from airnub_core.sources.settings import ApiSource, FileSource, PageSource, Secret
from airnub_core.store.content_store import ContentStore
from airnub_core.store.manifest import Manifest
from airnub_core.store.opening import open_store, reindex
from airnub_core.store.verification import Verification, verify

__all__ = [
    "ApiSource",
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
