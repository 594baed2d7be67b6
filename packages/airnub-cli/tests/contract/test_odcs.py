"""Contracts as documents of the standard, validated by its JSON schema."""

import json
from importlib.resources import files

import pytest

from airnub_cli.configuration.registry import load_registry
from airnub_cli.contract.odcs import API_VERSION, odcs_document, servers_of
from airnub_cli.data_contracts.publications import read_publications, with_code
from airnub_cli.workspace import Workspace, importable
from airnub_prefect.errors import ConfigurationError


@pytest.fixture
def schema():
    """The standard's own schema, from a package that is missing where this member is tested in isolation."""
    pytest.importorskip("open_data_contract_standard")
    return json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text())


def document(shop, name="sales", number=1, servers=()):
    """The document of one version."""
    workspace = Workspace.around(shop.root)
    with importable([shop.root / "departments/shop/src"]):
        publications, wrong = with_code(read_publications(workspace))
    assert (publications.mistakes, wrong) == ([], {})
    return odcs_document(publications.of("shop", name)[number], load_registry(shop.root), servers)


def properties(shop):
    """The columns of the dataset, by name."""
    return {one["name"]: one for one in document(shop)["schema"][0]["properties"]}


def test_the_schema_is_of_the_version_that_is_written(schema):
    """The version of the locked package."""
    assert schema["properties"]["apiVersion"]["default"] == API_VERSION


@pytest.mark.parametrize("which", [("sales", 1), ("sales", 2), ("shipped", 1)])
def test_a_document_is_valid(shop, schema, which):
    """With every type and kind of check, and locations; unknown keys would be found."""
    found = document(shop, *which, servers=servers_of(shop.root, "shop", which[0]))
    validator = pytest.importorskip("jsonschema").Draft201909Validator(schema)
    assert [error.message for error in validator.iter_errors(found)] == []
    found["schema"][0]["properties"][0]["unknown"] = 1
    assert list(validator.iter_errors(found))


def test_who_publishes_it(shop):
    """Owner, contacts, organisation and description."""
    found = document(shop)
    assert {key: found[key] for key in ("kind", "id", "name", "version", "status", "domain", "tenant")} == {
        "kind": "DataContract",
        "id": "shop.sales.v1",
        "name": "sales",
        "version": "1",
        "status": "active",
        "domain": "shop",
        "tenant": "example",
    }
    assert found["description"] == {"purpose": "Sales of all shops, a row a receipt."}
    assert found["team"] == {"name": "team-shop", "description": "Owner of The Shop"}
    assert found["support"] == [
        {"channel": "shop@example.org", "tool": "email", "url": "mailto:shop@example.org"},
        {"channel": "the desk"},
    ]
    shop.change("configs/departments.yaml", "active", "retired")
    assert document(shop)["status"] == "retired"


def test_a_table_and_its_columns(shop):
    """Types, keys, partitioning, units, nullability and ranges."""
    table = document(shop)["schema"][0]
    assert (table["name"], table["physicalName"], table["physicalType"]) == ("sales", "sales", "table")
    assert table["dataGranularityDescription"] == "At most one row for each shop, receipt"
    found = properties(shop)
    assert (found["receipt"]["primaryKeyPosition"], found["shop"]["primaryKeyPosition"]) == (2, 1)
    assert (found["receipt"]["unique"], found["day"]["partitioned"], found["day"]["partitionKeyPosition"]) == (
        True,
        True,
        1,
    )
    assert [name for name, one in found.items() if not one["required"]] == ["customer", "tags"]
    assert found["customer"]["description"] == "who bought"
    assert found["price"]["logicalTypeOptions"] == {"minimum": 0}
    assert found["price"]["customProperties"] == [{"property": "unit", "value": "EUR"}]
    assert found["weight"]["logicalTypeOptions"] == {"format": "f32", "maximum": 99.5}
    types = {name: (one["logicalType"], one["physicalType"]) for name, one in found.items()}
    assert types == {
        "receipt": ("integer", "long"),
        "shop": ("string", "string"),
        "customer": ("string", "string"),
        "sold_at": ("timestamp", "timestamp"),
        "day": ("date", "date"),
        "price": ("number", "decimal(12,2)"),
        "weight": ("number", "float"),
        "pieces": ("integer", "short"),
        "paid": ("boolean", "boolean"),
        "tags": ("array", "array<string>"),
        "address": ("object", "struct<city:string,since:date,lines:array<long>>"),
    }
    assert [one["name"] for one in found["address"]["properties"]] == ["city", "since", "lines"]
    assert found["tags"]["items"] == {"logicalType": "string", "physicalType": "string"}


def test_checks_are_quality(shop):
    """Metrics of the standard, by name and severity; others are those of the engine."""
    checks = {one["name"]: one for one in document(shop)["schema"][0]["quality"]}
    for one in properties(shop).values():
        checks |= {check["name"]: check for check in one.get("quality", []) if "name" in check}
    assert {name: (one.get("metric", one["type"]), one["severity"]) for name, one in checks.items()} == {
        "row_count": ("rowCount", "error"),
        "rows_between": ("rowCount", "warning"),
        "rows_exactly": ("rowCount", "error"),
        "rows_at_most": ("rowCount", "error"),
        "row_count_change": ("custom", "error"),
        "fresh_sold_at": ("custom", "error"),
        "fresh_day": ("custom", "warning"),
        "unique_receipt": ("duplicateValues", "error"),
        "unique_customer_sold_at": ("duplicateValues", "warning"),
        "unique_new": ("custom", "error"),
        "reference_customer": ("custom", "error"),
        "affordable": ("custom", "error"),
        "totals_fit": ("custom", "error"),
    }
    assert checks["row_count"]["mustBeGreaterOrEqualTo"] == 1000
    assert checks["rows_between"]["mustBeBetween"] == [10, 90000]
    assert checks["rows_exactly"]["mustBe"] == 7
    assert checks["rows_at_most"]["mustBeLessOrEqualTo"] == 5
    assert checks["unique_customer_sold_at"]["arguments"] == {"properties": ["customer", "sold_at"]}
    assert checks["row_count_change"]["engine"] == "airnub"
    assert checks["row_count_change"]["implementation"]["max_shrink"] == "20%"
    assert checks["reference_customer"]["description"] == (
        "Each customer is a name of customers; a version that fails it is not published"
    )
    expected = "Expected each price to be below 10000, among the rows that a run adds; a version that fails it is not"
    assert checks["affordable"]["description"] == f"{expected} published"
    assert checks["rows_between"]["description"] == "At least 10 and at most 90,000 rows; a failure is a warning"
    fresh = "The newest sold_at is not older than 36h; a run that finds it older fails"
    assert checks["fresh_sold_at"]["description"] == fresh


def test_accepted_values_and_freshness(shop):
    """Accepted values are a metric of the column, freshness is a service level."""
    [values] = properties(shop)["shop"]["quality"]
    assert (values["metric"], values["arguments"]) == ("invalidValues", {"validValues": ["north", "south"]})
    levels = [(one["property"], one["element"], one["value"], one["unit"]) for one in document(shop)["slaProperties"]]
    assert levels == [("freshness", "sales.sold_at", 36, "h"), ("freshness", "sales.day", 2, "d")]
    shop.change("departments/shop/contracts/sales.v1.yaml", "within: 36h", "within: 90m")
    level = document(shop)["slaProperties"][0]
    assert (level["value"], level["unit"]) == (90, "min")


def test_the_second_version_has_a_table_of_its_own(shop):
    """Without the partitioning of the first."""
    found = document(shop, number=2)
    assert (found["id"], found["version"]) == ("shop.sales.v2", "2")
    assert found["schema"][0]["physicalName"] == "sales.v2"
    assert not any("partitioned" in one for one in found["schema"][0]["properties"])


def test_an_event_has_the_types_of_json(shop):
    """With the name that triggers use, and without a server."""
    found = document(shop, "shipped")
    assert "servers" not in found
    [event] = found["schema"]
    assert (event["physicalName"], event["physicalType"]) == ("airnub.shop.shipped.v1", "event")
    types = {one["name"]: (one["logicalType"], one["physicalType"]) for one in event["properties"]}
    assert types == {
        "parcels": ("integer", "integer"),
        "day": ("date", "string"),
        "at": ("timestamp", "string"),
        "names": ("array", "array"),
        "cost": ("number", "string"),
        "to": ("object", "object"),
    }


def test_omitted_values_are_those_of_the_code(shop):
    """A contract without `checks` is exported with those of its code."""
    path = "departments/shop/contracts/sales.v1.yaml"
    text = (shop.root / path).read_text()
    shop.write(path, text[: text.index("checks:")])
    shop.change(
        "departments/shop/src/shop/datasets.py",
        'partitioned_by=("day",)',
        'checks={"row_count": RowCountCheck(check="row_count", minimum=3)}',
    )
    shop.change(
        "departments/shop/src/shop/datasets.py", "\n", "\nfrom airnub_core.contracts.checks import RowCountCheck\n"
    )
    [rows] = document(shop)["schema"][0]["quality"]
    assert (rows["name"], rows["mustBeGreaterOrEqualTo"]) == ("row_count", 3)


SETTINGS = "configs/variables/shop/processing.yaml"
PRODUCTION = """\
description: There.
variables:
  shop:
    processing:
      datasets: {block: BLOCK}
"""


def servers(shop):
    """The servers of the dataset, without descriptions."""
    return [
        {key: value for key, value in one.items() if key != "description"}
        for one in servers_of(shop.root, "shop", "sales.v2")
    ]


def production(shop, block):
    """The server of an environment whose datasets are in a block's bucket."""
    shop.write("configs/environments/production.yaml", PRODUCTION.replace("BLOCK", block))
    local, there = servers(shop)
    assert local == {"server": "local", "environment": "local", **LOCAL}
    assert (there.pop("server"), there.pop("environment"), there.pop("format")) == ("production", "production", "delta")
    return there


LOCAL = {"type": "local", "path": "datasets/shop/sales.v2", "format": "delta"}


def test_the_same_place_everywhere_is_one_server(shop):
    """Relative to the data root, or absolute."""
    shop.write("configs/environments/staging.yaml", "description: There.\n")
    assert servers(shop) == [{"server": "datasets", **LOCAL}]
    shop.write(SETTINGS, "datasets: /data\n")
    assert servers(shop) == [{"server": "datasets", **LOCAL, "path": "/data/sales.v2"}]


@pytest.mark.parametrize(
    ("block", "fields", "server"),
    [
        (
            "s3-bucket/lake",
            "{bucket_name: lake, bucket_folder: a b/c}",
            {"type": "s3", "location": "s3://lake/a%20b/c"},
        ),
        ("s3-bucket/lake", "{bucket_name: lake}", {"type": "s3", "location": "s3://lake"}),
        ("remote-file-system/lake", "{basepath: az://lake/x}", {"type": "azure", "location": "az://lake/x"}),
        ("remote-file-system/lake", "{basepath: gs://lake}", {"type": "custom", "location": "gs://lake"}),
    ],
)
def test_a_bucket_by_its_block(shop, block, fields, server):
    """From the block's file; its credentials are not read."""
    shop.write("configs/blocks/lake.yaml", f"name: lake\ntype: {block.partition('/')[0]}\nfields: {fields}\n")
    assert production(shop, block) == {**server, "location": f"{server['location']}/sales.v2"}


@pytest.mark.parametrize("fields", ["{bucket_name: '${BUCKET}'}", "{bucket_folder: x}"])
def test_a_location_that_files_do_not_have(shop, fields):
    """A server of the type `custom`: the value is known only where the environment is applied."""
    assert production(shop, "s3-bucket/lake") == {"type": "custom", "dataset": "sales.v2"}
    shop.write("configs/blocks/lake.yaml", f"name: lake\ntype: s3-bucket\nfields: {fields}\n")
    assert production(shop, "s3-bucket/lake") == {"type": "custom", "dataset": "sales.v2"}
    (shop.root / "configs/environments/production.yaml").unlink()
    shop.write(SETTINGS, "datasets: ${FOLDER}/x\n")
    [server] = servers(shop)
    assert (server["server"], server["type"]) == ("datasets", "custom")


def test_a_department_without_a_processing_has_no_server(shop):
    """Nor one whose settings have no location."""
    shop.write(SETTINGS, "store: x\n")
    assert servers(shop) == []
    (shop.root / SETTINGS).unlink()
    assert servers(shop) == []


def test_a_url_in_place_of_a_folder_shows_no_password(shop):
    """It is a mistake, which `airnub check` reports."""
    shop.write(SETTINGS, "datasets: s3://key:hidden@lake/x\n")
    [server] = servers_of(shop.root, "shop", "sales")
    assert server["type"] == "custom"
    assert "hidden" not in str(server)


def test_a_bucket_with_credentials_in_its_url(shop):
    """They would be printed."""
    shop.write("configs/blocks/lake.yaml", "name: lake\ntype: remote-file-system\nfields: {basepath: 's3://a:b@c/d'}\n")
    with pytest.raises(ConfigurationError, match="the block remote-file-system/lake: expected a URL such as"):
        production(shop, "remote-file-system/lake")
