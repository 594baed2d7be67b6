"""A worker as a process of its own: fetches what it is told to on its standard input, and says what became of it."""

import asyncio
import json
import sys
from pathlib import Path

from airnub_core import NetworkSettings, open_engine
from airnub_core.items import Item
from airnub_core.store.location import BucketAddress, StoreLocation


async def fetch(job):
    """Outcomes by URL, each with its kind and its number of attempts."""
    network = NetworkSettings(allow_private_hosts=True, connections=8, connections_per_host=8)
    objects = BucketAddress(*job["bucket"]) if job.get("bucket") else Path(job["folder"])
    place = StoreLocation(objects, job.get("index"), Path(job["folder"]))
    async with open_engine(place, network, force=job.get("force", False), processes=1) as engine:
        outcomes = await engine.ingest([Item("shared", url, network) for url in job["urls"]])
    return {outcome.url: [outcome.kind.value, outcome.attempts] for outcome in outcomes}


if __name__ == "__main__":
    json.dump(asyncio.run(fetch(json.load(sys.stdin))), sys.stdout)
