from dataclasses import replace

import polars as pl
import pytest

from airnub_core.errors import DatasetError
from airnub_data import Column, Csv, Dataset, by_name
from airnub_data.lineage import making_order, published_name

COLUMNS = {"id": Column(pl.Int64)}
ORDERS = Dataset(name="orders", source="shop", reader=Csv(), columns=COLUMNS)


def first(*inputs):
    return inputs[0]


def joined(name, *inputs, **fields):
    return Dataset(name=name, inputs=inputs, columns=COLUMNS, **{"transform": first, **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "expected `source` and `reader`, or `inputs` and `transform`, found neither"),
        ({"source": "shop"}, "expected a `reader` for the objects of its source, found none"),
        ({"transform": first}, "expected `inputs` with `transform`"),
        ({"inputs": (ORDERS,)}, "expected `transform` with `inputs`"),
        ({"inputs": ORDERS, "transform": first}, "expected a tuple as `inputs`.*found Dataset"),
        ({"inputs": (ORDERS, ORDERS), "transform": first}, "expected each input once, found orders twice"),
        ({"inputs": ("orders",), "transform": first}, "expected department/name, found 'orders'; a dataset of this"),
        ({"inputs": (3,), "transform": first}, "expected a Dataset or 'department/name' in `inputs`, found 3"),
        (
            {"inputs": (ORDERS, "crm/customers"), "transform": lambda orders: orders},
            r"expected `transform` to take 2 inputs \(orders, crm/customers\), found: too many positional arguments",
        ),
        (
            {"inputs": (ORDERS,), "transform": first, "source": "shop", "reader": Csv()},
            "expected `inputs` and `transform` without source, reader",
        ),
        (
            {"inputs": (ORDERS,), "transform": first, "latest": "id", "derive": first, "on_new_column": "fail"},
            "without derive, latest, on_new_column",
        ),
    ],
)
def test_a_declaration_that_contradicts_itself(fields, message):
    """Contradictory options raise an error at the declaration, which says which options belong together."""
    with pytest.raises(DatasetError, match=message):
        Dataset(name="orders_by_customer", columns=COLUMNS, **fields)


def test_names_of_published_datasets():
    """Names are parsed with and without the version of the contract."""
    assert published_name("crm/customers") == ("crm", "customers", None)
    assert published_name("crm/customers.v12") == ("crm", "customers", 12)
    for wrong in ("crm.customers", "crm/", "/customers", "crm/customers.v0", "a/b/c", "../crm"):
        with pytest.raises(ValueError, match="expected department/name"):
            published_name(wrong)


def test_datasets_are_made_behind_their_inputs():
    """Datasets are sorted topologically; independent ones keep their order."""
    days = joined("days", ORDERS)
    months = joined("months", days, "crm/customers", ORDERS)
    other = replace(ORDERS, name="other")
    assert [one.stem for one in making_order([months, other, days, ORDERS])] == ["orders", "days", "months", "other"]
    assert list(by_name(months, days, ORDERS, other)) == ["orders", "days", "months", "other"]
    assert months.input_names == ("days", "crm/customers", "orders")
    assert months.sources == ()


def test_a_long_chain_with_many_ways_is_ordered_at_once():
    """Each dataset is visited once, however many paths lead to it."""
    chain = [ORDERS, joined("one", ORDERS)]
    for number in range(2, 40):
        chain.append(joined(f"d{number}", chain[-1], chain[-2]))
    assert making_order(reversed(chain)) == chain


def test_an_input_that_no_run_makes():
    """The error names the dataset and the missing input, and what to do."""
    with pytest.raises(
        DatasetError, match=r"days: expected its input orders among the datasets .*found days; add it to"
    ):
        by_name(joined("days", ORDERS))


def test_limits_leave_the_inputs_as_they_are():
    """Overriding limits by settings keeps the inputs."""
    from airnub_core.contracts.limits import DatasetLimits

    days = joined("days", ORDERS).with_limits(DatasetLimits(max_shrink="20%"))
    assert (days.max_shrink, days.own_inputs) == ("20%", (ORDERS,))


def test_published_inputs_on_any_way():
    """Direct and indirect published inputs are listed once, as `airnub check` follows them across departments."""
    totals = joined("totals", ORDERS, "crm/customers")
    shares = joined("shares", totals, "crm/customers", "crm/everywhere.v2")
    assert shares.published().made_of == ("crm/customers", "crm/everywhere.v2")
    assert ORDERS.published().made_of == ()
