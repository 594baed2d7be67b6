"""A workspace in which the department shop publishes a dataset with every kind of type and check, and an event."""

import sys

import pytest

CONTRACT = """\
kind: dataset
description: Sales of all shops, a row a receipt.
code: shop.datasets:DATASETS
key: [shop, receipt]
fields:
  receipt: int64
  shop: {type: string, one_of: [north, south]}
  customer: {type: string, nullable: true, description: who bought}
  sold_at: datetime_us
  day: date
  price: {type: "decimal(12,2)", unit: EUR, minimum: 0}
  weight: {type: float32, maximum: 99.5, unit: kg}
  pieces: uint8
  paid: boolean
  tags: {type: list(string), nullable: true}
  address: "struct(city: string, since: date, lines: list(int64))"
checks:
  row_count: {check: row_count, minimum: 1000}
  rows_between: {check: row_count, minimum: 10, maximum: 90000, on_fail: warn}
  rows_exactly: {check: row_count, minimum: 7, maximum: 7}
  rows_at_most: {check: row_count, maximum: 5}
  row_count_change: {check: row_count_change, max_shrink: 20%, max_growth: 500}
  fresh_sold_at: {check: fresh, column: sold_at, within: 36h}
  fresh_day: {check: fresh, column: day, within: 2d, on_fail: warn}
  unique_receipt: {check: unique, columns: [receipt]}
  unique_customer_sold_at: {check: unique, columns: [customer, sold_at], on_fail: warn}
  unique_new: {check: unique, columns: [customer], over: touched}
  reference_customer: {check: reference, columns: [customer], to: customers, to_columns: [name]}
  affordable: {check: expression, expected: each price to be below 10000, over: touched}
  totals_fit: {check: function}
"""
EVENT = """\
kind: event
description: A parcel is on its way.
code: shop.datasets:SHIPPED
fields:
  parcels: int64
  day: date
  at: datetime_us
  names: list(string)
  cost: decimal(9,2)
  to: "struct(city: string)"
"""
CODE = """\
from airnub_core.contracts.contract import ContractSchema


class Made:
    def __init__(self, *says, **more):
        self.says, self.more = says, more

    def published(self):
        return ContractSchema(*self.says, **self.more)


SALES = Made("dataset", "sales", 1, {}, partitioned_by=("day",))
DATASETS = {"sales": SALES, "sales.v2": Made("dataset", "sales", 2, {})}
SHIPPED = Made("event", "shipped", 1, {})
print("imported")
"""


class Shop:
    """A checkout that tests change."""

    def __init__(self, root):
        self.root = root

    def write(self, path, text):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def change(self, path, old, new):
        """Replace the first occurrence of a text, which must exist."""
        text = (self.root / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new, 1))


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A workspace whose imported modules are forgotten after the test."""
    made = Shop(tmp_path)
    made.write(
        "pyproject.toml",
        '[project]\nname = "root"\nversion = "0"\nrequires-python = ">=3.11"\n'
        '[tool.uv.workspace]\nmembers = ["departments/*"]\n',
    )
    made.write(
        "departments/shop/pyproject.toml", '[project]\nname = "shop"\nversion = "0"\ndependencies = ["airnub-core"]\n'
    )
    made.write("departments/shop/src/shop/__init__.py", "")
    made.write("departments/shop/src/shop/datasets.py", CODE)
    made.write("departments/shop/contracts/sales.v1.yaml", CONTRACT)
    made.write("departments/shop/contracts/sales.v2.yaml", CONTRACT)
    made.write("departments/shop/contracts/shipped.v1.yaml", EVENT)
    made.write(
        "configs/departments.yaml",
        "organisation: example\ndepartments:\n"
        "  - id: shop\n    display_name: The Shop\n    owner: team-shop\n    status: active\n"
        "    contacts: [shop@example.org, the desk]\n",
    )
    made.write("configs/variables/shop/processing.yaml", "store: data/shop\ndatasets: datasets/shop/\n")
    monkeypatch.chdir(tmp_path)
    yield made
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]
