"""The locations of a dataset in each environment."""

import pytest

from airnub_cli.contract.servers import servers_of
from airnub_prefect.errors import ConfigurationError

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
