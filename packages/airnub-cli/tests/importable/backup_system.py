"""Systems for tests of backups: objects in a store, and runs in a database."""

import asyncio
import sqlite3
from contextlib import closing

from airnub_core import Item, NetworkSettings, open_engine


def fill(folder, contents, source="shop"):
    """Store bytes for URLs of a source, like an ingestion into a folder."""

    async def settle():
        network = NetworkSettings()
        async with open_engine(folder, network) as engine:
            for url, content in contents.items():
                item = Item(source, f"https://example.org/{url}", network)
                await engine.commit([engine.keep(engine.begin(item, f"{url}.csv"), content, "text/csv", ())])

    asyncio.run(settle())


def runs(state):
    """The runs in the database."""
    with closing(sqlite3.connect(state.home / "prefect.db")) as database:
        return [name for (name,) in database.execute("SELECT name FROM flow_run ORDER BY name")]
