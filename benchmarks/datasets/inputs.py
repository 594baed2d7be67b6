"""Reproducible inputs: CSV and JSON Lines, and stores that contain them."""

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from airnub_core import Item, NetworkSettings, open_engine
from airnub_core.store import withdrawal
from airnub_core.store.factory import open_store
from benchmarks.datasets.declarations import SOURCE, STATUS

_BAD = 1000
"""One row in this many has a value that is not a number."""
_ODD = 100
"""One line in this many is invalid, in the JSON Lines with invalid lines."""
SITES = 1000
"""Different values of the column `site`, `s0` and so on."""
_AT_ONCE = 1000
_SLICE = 500_000


def write_csv(path: Path, rows: int, *, days: int, first: int = 0, bad: bool = True) -> Path:
    """A CSV with rows of 45 bytes, keys from `first` on, and random times within `days` days from 2024 on."""
    with path.open("wb") as file:
        for start in range(0, rows, _SLICE):
            number = pl.int_range(first + start, first + min(start + _SLICE, rows), eager=True)
            frame = csv_rows(number, days, bad=bad)
            frame.write_csv(file, include_header=start == 0)
    return path


def csv_rows(number: pl.Series, days: int, *, bad: bool = False, shift: int = 0) -> pl.DataFrame:
    """The rows with these numbers; `shift` gives the same keys different times and values."""
    drawn = pl.col("number").hash(1 + shift)
    start = int(datetime.fromisoformat("2024-01-01T00:00:00+00:00").timestamp())
    value = (drawn % 1_000_000 / 10_000).round(4).cast(pl.String)
    if bad:
        value = pl.when(pl.col("number") % _BAD == 7).then(pl.lit("none")).otherwise(value)
    return pl.DataFrame({"number": number}).select(
        ("o" + pl.col("number").cast(pl.String).str.zfill(8)).alias("id"),
        (pl.lit(start) + (drawn // 7 % (days * 86_400)).cast(pl.Int64))
        .mul(1000).cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("at"),
        ("s" + (drawn // 11 % SITES).cast(pl.String)).alias("site"),
        value.alias("value"),
        (drawn // 13 % len(STATUS)).replace_strict(dict(enumerate(STATUS)), return_dtype=pl.String).alias("status"),
    )  # fmt: skip


def write_json_lines(path: Path, records: int, *, odd: bool) -> Path:
    """Nested records of 200 bytes; with `odd`, every hundredth line does not match the schema."""
    faults = ['{"id": 1, "properties": ', "[1, 2]", '{"id": 1, "properties": "flat"}', "not JSON at all"]
    with path.open("w") as file:
        for number in range(records):
            if odd and number % _ODD == 9:
                file.write(faults[number // _ODD % len(faults)] + "\n")
            else:
                file.write(json.dumps(record(number)) + "\n")
    return path


def record(number: int) -> dict[str, object]:
    """One nested record."""
    day, second = number % 28 + 1, number % 60
    return {
        "id": number,
        "type": "Feature",
        "properties": {
            "at": f"2024-03-{day:02}T10:20:{second:02}Z",
            "place": f"{number % 97} km of place {number % 1013}",
            "value": number % 977 / 8,
            "tags": ["a", "b"],
            "of": {"net": "us", "code": f"{number:08}"},
        },
        "where": {"x": number % 360 - 180.5, "y": number % 180 - 90.25},
    }


def fill(store: Path, contents: Iterable[tuple[str, bytes]], suffix: str = "csv", source: str = SOURCE) -> None:
    """Store the bytes of URLs one after another, as an ingestion would."""

    async def settle() -> None:
        network = NetworkSettings()
        async with open_engine(store, network) as engine:
            waiting = []
            for url, content in contents:
                item = Item(source, f"https://example.org/{url}", network)
                waiting.append(engine.keep(engine.begin(item, f"rows.{suffix}"), content, "text/plain", ()))
                if len(waiting) == _AT_ONCE:
                    await engine.commit(waiting)
                    waiting = []
            await engine.commit(waiting)

    asyncio.run(settle())


def withdraw(path: Path, url: str) -> None:
    """Withdraw a URL, as `store forget` does."""
    with open_store(path) as (store, index):
        [known] = [one for one in index.current(SOURCE) if one.url == f"https://example.org/{url}"]
        at = datetime.now(UTC).isoformat()
        withdrawal.withdraw(store, index, [withdrawal.Withdrawal(SOURCE, known.url_digest, known.url, at, "benchmark")])
