"""Ingest a paginated API and make a dataset: engine and dataset together.

Arguments: the URL of the API, the store, the folder of datasets, how many pages there are.
"""

import asyncio
import sys
from pathlib import Path

from airnub_core import ApiSource, NetworkSettings, ingest_apis, open_engine
from airnub_data import Limits, Location, make_dataset
from benchmarks.datasets.declarations import NESTED, SOURCE
from benchmarks.datasets.programs.clock import clocked, say


def main(url: str, store: Path, datasets: Path, pages: int) -> None:
    """Fetch the pages and make the dataset."""
    source = ApiSource(name=SOURCE, url=url, records="records", pages={"kind": "page", "max": pages + 1})
    figures: dict[str, object] = {}
    with clocked(figures):
        [outcome] = asyncio.run(_ingested(source, store))
        made = make_dataset(NESTED, store, Location(datasets), limits=Limits("100%", "100%"), parquet_copy=False)
    if outcome.error is not None:
        raise outcome.error
    say({**figures, "rows": made.record.rows, "quarantined": made.record.quarantined})


async def _ingested(source: ApiSource, store: Path):
    async with open_engine(store, NetworkSettings(allow_private_hosts=True)) as engine:
        return await ingest_apis(engine, [source], lambda _reference: "")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
