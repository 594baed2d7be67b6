"""Contracts: examples in docs/contracts.md are valid, and exported types are the stored types."""

import json
import re
import shlex
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
import yaml
from click.testing import CliRunner
from deltalake import write_deltalake
from jsonschema import Draft201909Validator

from airnub_cli.__main__ import main
from airnub_cli.contract.odcs import physical_type
from airnub_cli.data_contracts.publications import Reads
from airnub_core.contracts.contract import Contract
from airnub_core.contracts.field_types import WORDS
from airnub_data import Column, Csv, Dataset
from airnub_data.checks import expression, fresh, function, reference, row_count, row_count_change, unique
from airnub_data.columns import column_type, stored_type

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "contracts.md").read_text()
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
SCHEMA = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text())


def shown(key):
    """The blocks of the page with a key at the top level."""
    return [block for block in BLOCKS if isinstance(block, dict) and key in block]


def totals_fit(rows):
    return True


SALES = Dataset(
    name="sales",
    source="sales",
    reader=Csv(),
    columns={
        "receipt": Column(pl.Int64),
        "customer": Column(pl.String),
        "sold_at": Column(pl.Datetime("us", "UTC")),
        "price": Column(pl.Decimal(12, 2), minimum=0),
        "currency": Column(pl.String, one_of=("EUR",)),
    },
    key=("receipt",),
    checks=(
        row_count(minimum=1000),
        row_count_change(max_shrink="20%"),
        fresh("sold_at", within="36h"),
        unique("customer", "sold_at", on_fail="warn"),
        reference("customer", to="customers", to_columns="name"),
        expression("affordable", pl.col("price") < 10_000, expected="each price to be below 10000", over="touched"),
        function(totals_fit),
    ),
)


def test_the_contracts_of_the_page_are_understood():
    """So are the page's examples of readers."""
    contracts = [Contract.model_validate(block) for block in shown("kind")]
    reads = [Reads.model_validate(block) for block in shown("reads")]
    assert (len(contracts), len(reads)) == (2, 2)


def test_the_checks_of_the_page_are_those_of_a_declaration():
    """They have the same keys and defaults."""
    contract = Contract.model_validate(shown("checks")[0])
    made = SALES.published()
    assert contract.checks == made.checks
    assert {name: (one.type, one.nullable) for name, one in contract.fields.items()} == made.fields
    assert contract.model_copy(update={"checks": None}).completed(made) == contract


@pytest.mark.example
@pytest.mark.parametrize(
    "command", re.findall(r"^uv run (?:--all-packages )?airnub (contract export.*)$", PAGE, re.MULTILINE)
)
def test_the_commands_of_the_page_export_documents_of_the_standard(command, tmp_path, monkeypatch):
    """Contracts of project_alpha on stdout, in a file and in a folder are valid documents."""
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(main, [word.replace("data/", f"{tmp_path}/") for word in shlex.split(command)])
    assert done.exit_code == 0, done.stderr
    written = [path.read_text() for path in sorted(tmp_path.rglob("*.yaml"))]
    assert bool(written) == (" -o " in command)
    documents = [one for text in written or [done.stdout] for one in yaml.safe_load_all(text)]
    assert [one["id"] for one in documents][:1] == ["project_alpha.noaa_daily_weather.v1"]
    for document in documents:
        assert [error.message for error in Draft201909Validator(SCHEMA).iter_errors(document)] == []


@pytest.mark.parametrize("word", [*WORDS, "decimal(9,2)", "list(uint16)", "struct(a: uint64, b: list(date))"])
def test_physical_types_are_those_that_delta_lake_stores(word, tmp_path):
    """They have the names in the table's log."""
    rows = pl.DataFrame(schema={"a": stored_type(column_type(word))})
    write_deltalake(tmp_path, rows)
    commit = (tmp_path / "_delta_log" / f"{0:020}.json").read_text()
    [said] = [line["metaData"] for line in map(json.loads, commit.splitlines()) if "metaData" in line]
    [field] = json.loads(said["schemaString"])["fields"]
    assert physical_type(word) == _written(field["type"])


def _written(kind):
    """A type of Delta's log as SQL writes it."""
    if isinstance(kind, str):
        return kind
    if kind["type"] == "array":
        return f"array<{_written(kind['elementType'])}>"
    within = ",".join(f"{one['name']}:{_written(one['type'])}" for one in kind["fields"])
    return f"struct<{within}>"
