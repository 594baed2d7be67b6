"""Fixtures: content stores that are filled without a server, and a dataset of orders."""

import asyncio
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import polars as pl
import pytest
from hypothesis import settings

from airnub_core import BucketAddress, Item, NetworkSettings, open_engine
from airnub_data import Column, Csv, Dataset, Location, Month

# No test asserts times. Random search for failures is for developers, not for checks. `AIRNUB_EXAMPLES` sets how many
# examples a sweep draws: few by default, many in the long stages of `.ci/run`.
settings.register_profile(
    "airnub", deadline=None, derandomize="CI" in os.environ, max_examples=int(os.environ.get("AIRNUB_EXAMPLES", "25"))
)
settings.load_profile("airnub")

SERVER = """\
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
print("port", server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""

Fill = Callable[[Mapping[str, bytes]], None]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Folder of a content store."""
    return tmp_path / "store"


@pytest.fixture
def location(tmp_path: Path) -> Location:
    """Empty folder for datasets."""
    return Location(tmp_path / "datasets")


@pytest.fixture
def fill(store: Path) -> Fill:
    """Set the content of URLs of the source `shop`, one after another, as an ingestion does."""

    def put(contents: Mapping[str, bytes], source: str = "shop", name: str = "orders.csv") -> None:
        async def settle() -> None:
            network = NetworkSettings()
            async with open_engine(store, network) as engine:
                for url, content in contents.items():
                    item = Item(source, f"https://example.org/{url}", network)
                    await engine.commit([engine.keep(engine.begin(item, name), content, "text/csv", ())])

        asyncio.run(settle())

    return put


@pytest.fixture
def orders() -> Dataset:
    """Orders with the key `id`, partitioned by the month of `ordered_at`."""
    return Dataset(
        name="orders",
        source="shop",
        reader=Csv(),
        columns={
            "id": Column(pl.Int64),
            "price": Column(pl.Decimal(12, 2), minimum=0, unit="EUR"),
            "at": Column(pl.Datetime("us", "UTC"), nullable=True),
        },
        key=("id",),
        partition_by=Month("at"),
    )


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """S3 server in a separate process."""
    command = [sys.executable, "-W", "ignore", "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        port = next(line.split()[1] for line in process.stdout if line.startswith("port "))
        yield f"http://127.0.0.1:{port}"
        process.stdin.close()


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path) -> Location:
    """Empty bucket for datasets."""
    name = f"data-{tmp_path.name.replace('_', '-').lower()}"[:60]
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{name}", method="PUT")).close()  # loopback
    options = {"access_key_id": "me", "secret_access_key": "s3cret", "region": "us-east-1", "endpoint": endpoint}
    return Location(BucketAddress(f"s3://{name}/team", options), tmp_path / "local")
