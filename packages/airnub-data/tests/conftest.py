"""Stores that are filled without a server, and a dataset of orders."""

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
from airnub_data.location import in_bucket

# No test asserts times; what is found by chance is found by developers, not in a check. `AIRNUB_EXAMPLES` says how many
# examples a sweep draws: few by default, many where `.ci/run` looks at length.
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
    """The folder of a content store."""
    return tmp_path / "store"


@pytest.fixture
def location(tmp_path: Path) -> Location:
    """An empty folder for datasets."""
    return Location(tmp_path / "datasets")


@pytest.fixture
def fill(store: Path) -> Fill:
    """Give URLs of the source `shop` bytes, one after another, as an ingestion would."""

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
    """Orders by id, parted by the month in which they were made."""
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
    """A real S3 server, in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        port = next(line.split()[1] for line in process.stdout if line.startswith("port "))
        yield f"http://127.0.0.1:{port}"
        process.stdin.close()


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path) -> Location:
    """An empty bucket for datasets."""
    name = f"data-{tmp_path.name.replace('_', '-').lower()}"[:60]
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{name}", method="PUT")).close()  # loopback
    options = {"access_key_id": "me", "secret_access_key": "s3cret", "region": "us-east-1", "endpoint": endpoint}
    return in_bucket(BucketAddress(f"s3://{name}/team", options), tmp_path / "local")
