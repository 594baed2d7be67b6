"""docs/inputs.md: every reader on the page reads the page's example."""

import asyncio
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from airnub_core import Item, NetworkSettings, open_engine
from airnub_core.errors import DatasetError
from airnub_data import Location, make_dataset, scan_dataset

PAGE = (Path(__file__).parents[1] / "docs" / "inputs.md").read_text()
ROWS = [(1, "Käse", 1234.5), (2, "Brot;\nfrisch", 3.2)]


def example(heading, language="python"):
    """The first block in a language below a heading."""
    return re.search(rf"```{language}\n(.*?)```", PAGE.partition(f"\n## {heading}\n")[2], re.DOTALL)[1]


def values(heading):
    """The names that the Python example below a heading defines."""
    found = {}
    exec(example(heading), found)
    return found


def sheet():
    """The prices below a title, as the page declares them."""
    book = openpyxl.Workbook()
    book.active.title = "Prices"
    for row in (["Prices of March"], [], ["id", "name", "price"], *ROWS):
        book.active.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def parquet():
    """The prices, written by polars."""
    file = io.BytesIO()
    pl.DataFrame(ROWS, schema=["id", "name", "price"], orient="row").write_parquet(file)
    return file.getvalue()


def archive():
    """A ZIP file with the prices in two members, and a third member that is not read."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as members:
        members.writestr("prices/1.csv", "id,name,price\n1,Käse,1234.5\n")
        members.writestr("prices/2.csv", 'id,name,price\n2,"Brot;\nfrisch",3.2\n')
        members.writestr("stock/1.csv", "id\n1\n")
    return file.getvalue()


INPUTS = {
    "CSV": lambda: example("CSV", "text").encode("windows-1252"),
    "JSON Lines": lambda: example("JSON Lines", "json").encode(),
    "JSON documents": lambda: example("JSON documents", "json").encode(),
    "Excel": sheet,
    "Parquet": parquet,
    "Zip": archive,
}


def ingested(store, content, name):
    """Ingest one object of the source `shop`."""

    async def settle():
        network = NetworkSettings()
        async with open_engine(store, network) as engine:
            item = Item("shop", "https://example.org/prices", network)
            await engine.commit([engine.keep(engine.begin(item, name), content, "text/csv", ())])

    asyncio.run(settle())


@pytest.mark.parametrize("heading", INPUTS)
def test_a_reader_of_the_page_reads_its_example(tmp_path, heading):
    """From the store to the table, with every row and without a warning."""
    reader = values(heading)["reader"]
    dataset = replace(values("New, missing and different columns")["PRICES"], reader=reader)
    store, location = tmp_path / "store", Location(tmp_path / "datasets")
    ingested(store, INPUTS[heading](), f"prices{reader.suffix}")
    made = make_dataset(dataset, store, location)
    assert (made.record.quarantined, made.drift) == (0, ())
    assert scan_dataset(location, dataset).sort("id").collect().rows() == ROWS


def test_a_new_column_fails_as_the_page_says(tmp_path):
    """The error has the object and line."""
    dataset = values("New, missing and different columns")["PRICES"]
    ingested(tmp_path / "store", b"id,name,price,fee\n1,x,1,2\n", "prices.csv")
    with pytest.raises(DatasetError, match=r"new column fee in shop/.*prices.csv, line 1"):
        make_dataset(dataset, tmp_path / "store", Location(tmp_path / "datasets"))
