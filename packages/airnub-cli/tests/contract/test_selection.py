"""Which contracts a name means."""

import pytest

from airnub_cli.contract.selection import selected
from airnub_cli.data_contracts.publications import read_publications
from airnub_cli.workspace import Workspace
from airnub_prefect.errors import ConfigurationError


def names(shop, *wanted):
    """The versions, by name and number."""
    found = selected(read_publications(Workspace.around(shop.root)), wanted)
    return [f"{version.name} {version.number}" for version in found]


def test_all_one_or_one_version(shop):
    """Each once, in the order of the names."""
    assert names(shop) == ["sales 1", "sales 2", "shipped 1"]
    assert names(shop, "shop/sales") == ["sales 1", "sales 2"]
    assert names(shop, "shop/sales.v2", "shop/sales.v1", "shop/sales") == ["sales 2", "sales 1"]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("shop/sale", "did you mean 'shop/sales'?"),
        ("shop/sales.v3", "did you mean 'shop/sales.v2'?"),
        ("weather", "published are shop/sales, shop/shipped"),
    ],
)
def test_a_name_that_is_not_published(shop, name, advice):
    """With the nearest one, or all."""
    expected = "expected a contract as DEPARTMENT/NAME or DEPARTMENT/NAME.vN, found none of this name"
    with pytest.raises(ConfigurationError) as caught:
        names(shop, "shop/sales", name)
    assert str(caught.value) == f"{name}: {expected}; {advice}"


def test_a_workspace_that_publishes_nothing(shop):
    """Then there is nothing to name."""
    for path in (shop.root / "departments/shop/contracts").iterdir():
        path.unlink()
    assert names(shop) == []
    with pytest.raises(ConfigurationError, match="nothing is published"):
        names(shop, "shop/sales")
