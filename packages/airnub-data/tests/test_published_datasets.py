"""Datasets of other departments, located by their contracts."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from airnub_core.errors import DatasetError
from airnub_data import Column, Csv, Dataset, JsonLines, Location, make_dataset, published_datasets, scan
from airnub_data.versions import history

CONTRACT = """\
kind: dataset
description: Orders of the shop.
code: shop.datasets:DATASETS
key: [id]
fields:
  id: uint32
  price: {type: "decimal(12,2)", unit: EUR}
  at: {type: datetime_ms, nullable: true}
"""
HEADER = b"id,price,at,clerk\n"
FOLDER = "departments/shop/contracts"
SETTINGS = "configs/variables/shop/processing.yaml"


def shop_orders(version=1):
    """Orders with an unpublished column, and with types that Delta stores as different ones."""
    columns = {
        "id": Column(pl.UInt32),
        "price": Column(pl.Decimal(12, 2)),
        "at": Column(pl.Datetime("ms", "UTC"), nullable=True),
        "clerk": Column(pl.String),
    }
    return Dataset(name="orders", source="shop", reader=Csv(), columns=columns, key=("id",), version=version)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file below the root of a checkout."""
    monkeypatch.delenv("AIRNUB_DATA_ROOT", raising=False)

    def written(path, text):
        target = tmp_path / "house" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    return written


@pytest.fixture
def root(write, tmp_path):
    """Checkout with the contract of the department shop and its settings."""
    write(f"{FOLDER}/orders.v1.yaml", CONTRACT)
    write(SETTINGS, "store: data/shop\ndatasets: data/shop/datasets\n")
    return tmp_path / "house"


@pytest.fixture
def make(fill, store, root):
    """Fill the store, and make the dataset at its configured location."""

    def made(content, dataset=None, location=None):
        fill({"a": HEADER + content})
        make_dataset(dataset or shop_orders(), store, location or Location(root / "data/shop/datasets"))

    return made


def test_a_dataset_is_found_by_its_contract(root, make):
    """The published fields have the types of the contract; unpublished and internal columns are left out."""
    make(b"1,2.50,2024-03-01T00:00:00Z,Ada\n")
    frame = scan("shop", "orders", root=root)
    assert isinstance(frame, pl.LazyFrame)
    assert frame.collect_schema() == {
        "id": pl.UInt32,
        "price": pl.Decimal(12, 2),
        "at": pl.Datetime("ms", "UTC"),
    }
    assert frame.select(pl.col("id"), pl.col("price").cast(pl.String), "at").collect().rows() == [
        (1, "2.50", datetime(2024, 3, 1, tzinfo=UTC))
    ]


def test_where_rows_come_from_is_said_on_request(root, make):
    """`internal=True` adds `_object` and `_record`."""
    make(b"1,2.50,,Ada\n")
    frame = scan("shop", "orders", root=root, internal=True).collect()
    assert frame.columns == ["id", "price", "at", "_object", "_record"]
    assert frame["_object"][0].startswith("sha256:")


def test_earlier_versions(root, make):
    """Earlier versions are selected by number and by time."""
    make(b"1,1,,Ada\n")
    make(b"1,2,,Ada\n")
    numbers = [commit.version for commit in history(Location(root / "data/shop/datasets"), "orders")]
    assert numbers == [1, 0]

    def price(as_of):
        return scan("shop", "orders", root=root, as_of=as_of).collect()["price"].cast(pl.Int64).to_list()

    assert (price(0), price(1), price(None)) == ([1], [2], [2])
    assert price(datetime.now(UTC) + timedelta(minutes=1)) == [2]
    for as_of in (7, datetime(2020, 1, 1, tzinfo=UTC)):
        with pytest.raises(DatasetError, match=r"orders: expected a (version that is kept|time from)"):
            price(as_of)


def test_an_earlier_version_that_lacks_a_field(root, make, write):
    """A missing field is left out of an earlier version, but is an error in the newest one."""
    make(b"1,1,,Ada\n")
    write(f"{FOLDER}/orders.v1.yaml", CONTRACT + "  channel: {type: string, nullable: true}\n")
    assert scan("shop", "orders", root=root, as_of=0).collect().columns == ["id", "price", "at"]
    with pytest.raises(DatasetError) as error:
        scan("shop", "orders", root=root)
    expected = "shop/orders: departments/shop/contracts/orders.v1.yaml: expected channel as string, found none in "
    assert str(error.value).startswith(f"{expected}version 0 of ")
    assert "run the processing again" in str(error.value)


def test_a_second_version_changes_nothing_for_readers_of_the_first(root, make, write):
    """The default is the lowest published version."""
    make(b"1,1,,Ada\n")
    write(f"{FOLDER}/orders.v2.yaml", CONTRACT.replace("fields:\n", "fields:\n  clerk: string\n"))
    make(b"1,1,,Ada\n", shop_orders(version=2))
    assert "clerk" not in scan("shop", "orders", root=root).collect_schema()
    assert scan("shop", "orders", version=2, root=root).collect()["clerk"].to_list() == ["Ada"]
    with pytest.raises(DatasetError, match=r"expected a contract of version 3, found v1, v2; pass version="):
        scan("shop", "orders", version=3, root=root)
    (root / FOLDER / "orders.v1.yaml").unlink()
    assert "clerk" in scan("shop", "orders", root=root).collect_schema()


def test_where_datasets_are(root, make, write, monkeypatch, tmp_path):
    """Relative folders are resolved against the data root; an explicit location takes precedence."""
    make(b"1,1,,Ada\n", location=Location(tmp_path / "other" / "data/shop/datasets"))
    with pytest.raises(DatasetError, match=r"Delta table at .*/house/data/shop/datasets/orders .*, found none"):
        scan("shop", "orders", root=root)
    monkeypatch.setenv("AIRNUB_DATA_ROOT", str(tmp_path / "other"))
    assert len(scan("shop", "orders", root=root).collect()) == 1
    monkeypatch.delenv("AIRNUB_DATA_ROOT")
    folder = tmp_path / "other" / "data/shop/datasets"
    for location in (folder, str(folder), Location(folder)):
        assert len(scan("shop", "orders", root=root, location=location).collect()) == 1
    write(SETTINGS, f"datasets: {folder}\n")
    assert len(scan("shop", "orders", root=root).collect()) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, f"expected `datasets` in {SETTINGS}, found: .*No such file.*; or pass location="),
        (
            "store: x\n",
            f"expected a folder or {{block: …}} as `datasets` in {SETTINGS}, found nothing; or ",
        ),
        ("datasets: [x]\n", r"found \['x'\]; or pass location="),
        ("datasets: ${AIRNUB_PLACE}\n", r"found '\${AIRNUB_PLACE}'; or pass location="),
        (
            "datasets: {block: s3-bucket/airnub-data}\n",
            "expected AIRNUB_STORE_AIRNUB_DATA in the environment, ",
        ),
        ("{\n", "found: while parsing"),
    ],
)
def test_settings_that_do_not_say_where(root, write, monkeypatch, text, expected):
    """The error contains the file, the key and what to do."""
    monkeypatch.delenv("AIRNUB_STORE_AIRNUB_DATA", raising=False)
    (root / SETTINGS).unlink()
    if text is not None:
        write(SETTINGS, text)
    with pytest.raises(DatasetError, match=f"shop/orders: .*{expected}"):
        scan("shop", "orders", root=root)


def test_a_dataset_in_a_bucket(root, make, write, bucket, monkeypatch):
    """A bucket is given by a location with credentials, by a URL, or by a block whose URL is in the environment."""
    make(b"1,2.50,,Ada\n", location=bucket)
    options = bucket.root.options
    assert scan("shop", "orders", root=root, location=bucket).collect()["id"].to_list() == [1]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", options["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", options["secret_access_key"])
    monkeypatch.setenv("AWS_REGION", options["region"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", options["endpoint"])
    assert scan("shop", "orders", root=root, location=f"{bucket.root.url}/").collect()["id"].to_list() == [1]
    write(SETTINGS, "datasets: {block: s3-bucket/airnub-data}\n")
    monkeypatch.setenv("AIRNUB_STORE_AIRNUB_DATA", bucket.root.url)
    assert scan("shop", "orders", root=root, as_of=0).collect()["id"].to_list() == [1]
    monkeypatch.setenv("AIRNUB_STORE_AIRNUB_DATA", "bucket")
    with pytest.raises(DatasetError, match="AIRNUB_STORE_AIRNUB_DATA: expected a URL such as s3://bucket/prefix"):
        scan("shop", "orders", root=root)


def test_a_url_of_no_bucket(root):
    """An invalid bucket URL is an error that does not repeat credentials."""
    with pytest.raises(DatasetError, match="location: expected a URL such as s3://bucket/prefix") as error:
        scan("shop", "orders", root=root, location="s3://me:hunter2@bucket/x")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("department", "name", "expected"),
    [
        (
            "shop",
            "order",
            r"order.v<N>.yaml in departments/shop/contracts, found none; did you mean shop/orders",
        ),
        ("shopp", "orders", r"did you mean shop/orders\? \(published are: shop/events, shop/orders\)"),
        ("../shop", "orders", "expected a contract"),
        ("shop", "events", "expected a dataset in departments/shop/contracts/events.v1.yaml, found an event"),
    ],
)
def test_what_is_not_published(root, write, department, name, expected):
    """The error suggests the closest name and lists all."""
    write(f"{FOLDER}/events.v1.yaml", CONTRACT.replace("kind: dataset", "kind: event"))
    with pytest.raises(DatasetError, match=expected):
        scan(department, name, root=root)


def test_a_contract_that_is_wrong(root, write):
    """The error contains the file and the first mistake."""
    write(f"{FOLDER}/orders.v1.yaml", CONTRACT.replace("uint32", "uint33"))
    with pytest.raises(DatasetError, match=r"orders.v1.yaml, found: fields.id.*unknown type 'uint33'.*`airnub check`"):
        scan("shop", "orders", root=root)


def test_a_dataset_that_was_not_made(root):
    """A missing table is an error, also if the file of the previous release exists."""
    with pytest.raises(DatasetError, match=r"found none; run the processing of shop first"):
        scan("shop", "orders", root=root)
    folder = root / "data/shop/datasets"
    folder.mkdir(parents=True)
    pl.DataFrame({"id": [1]}).write_parquet(folder / "orders.parquet")
    with pytest.raises(DatasetError, match=r"found orders.parquet alone; run the processing of shop first"):
        scan("shop", "orders", root=root)


def test_a_table_of_other_types_than_its_contract(root, make, write):
    """All type differences are listed; values are never cast silently."""
    make(b"1,1,,Ada\n")
    text = CONTRACT.replace("decimal(12,2)", "decimal(9,2)").replace("uint32", "string")
    write(f"{FOLDER}/orders.v1.yaml", text)
    expected = (
        r"expected id as string, found int64; expected price as decimal\(9,2\), found decimal\(12,2\) in version 0"
    )
    with pytest.raises(DatasetError, match=expected):
        scan("shop", "orders", root=root)


def test_lists_structs_and_decimals_come_back(root, fill, store, write):
    """Nested and decimal types are preserved from the object to the reader."""
    write(
        f"{FOLDER}/orders.v1.yaml",
        "kind: dataset\ndescription: Orders.\ncode: shop.datasets:DATASETS\nfields:\n"
        '  tags: list(string)\n  address: "struct(city: string, zip: int32)"\n  prices: "list(decimal(9,2))"\n',
    )

    types = {
        "tags": pl.List(pl.String),
        "address": pl.Struct({"city": pl.String, "zip": pl.Int32}),
        "prices": pl.List(pl.Decimal(9, 2)),
    }
    columns = {name: Column(dtype) for name, dtype in types.items()}
    fill(
        {"a": b'{"tags": ["a", "b"], "address": {"city": "Ulm", "zip": 89073}, "prices": [1.5]}\n'}, name="orders.jsonl"
    )
    dataset = Dataset(name="orders", source="shop", reader=JsonLines(), columns=columns)
    make_dataset(dataset, store, Location(root / "data/shop/datasets"))
    frame = scan("shop", "orders", root=root).collect()
    assert frame.schema == types
    assert frame["tags"].to_list() == [["a", "b"]]
    assert frame["address"].to_list() == [{"city": "Ulm", "zip": 89073}]


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Simulates an installation without a checkout, as in an image."""
    (tmp_path / "image").mkdir()
    monkeypatch.setattr(published_datasets, "__file__", str(tmp_path / "image" / "published_datasets.py"))


def test_an_installation_without_a_checkout(installed, make, root):
    """Without a contract, the columns of the table at `location` are returned."""
    make(b"1,2.50,2024-03-01T00:00:00Z,Ada\n")
    make(b"1,2.50,2024-03-01T00:00:00Z,Ada\n", shop_orders(version=2))
    place = root / "data/shop/datasets"
    for version in (1, 2):
        assert scan("shop", "orders", location=place, version=version).collect_schema().names() == [
            "id", "price", "at", "clerk",
        ]  # fmt: skip
    assert scan("shop", "orders", location=place, internal=True).collect_schema().names()[-2:] == ["_object", "_record"]


def test_an_installation_that_does_not_know_where(installed, root):
    """The error says which argument to pass."""
    with pytest.raises(DatasetError, match="found an installation without one; pass location="):
        scan("shop", "orders")
    with pytest.raises(DatasetError, match=r"expected a Delta table at .*orders\.v2, found none"):
        scan("shop", "orders", location=root, version=2)
