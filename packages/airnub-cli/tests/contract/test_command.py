"""The command `airnub contract`, and the selection of contracts by name."""

import pytest
import yaml
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.contract.command import selected
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
    """The error has the nearest name, or all."""
    expected = "expected a contract as DEPARTMENT/NAME or DEPARTMENT/NAME.vN, found none of this name"
    with pytest.raises(ConfigurationError) as caught:
        names(shop, "shop/sales", name)
    assert str(caught.value) == f"{name}: {expected}; {advice}"


def test_a_workspace_that_publishes_nothing(shop):
    """The error says so."""
    for path in (shop.root / "departments/shop/contracts").iterdir():
        path.unlink()
    assert names(shop) == []
    with pytest.raises(ConfigurationError, match="nothing is published"):
        names(shop, "shop/sales")


CONTRACT = "departments/shop/contracts/sales.v1.yaml"


def run(*arguments):
    return CliRunner().invoke(main, ["contract", "export", *arguments])


def test_all_contracts_on_stdout(shop):
    """One YAML document each, and nothing else, even if imported modules print."""
    done = run()
    assert done.exit_code == 0, done.stderr
    documents = list(yaml.safe_load_all(done.stdout))
    assert [one["id"] for one in documents] == ["shop.sales.v1", "shop.sales.v2", "shop.shipped.v1"]
    assert documents[0]["servers"][0]["path"] == "datasets/shop/sales"
    assert "imported" in done.stderr


def test_one_contract_in_a_file(shop):
    """Its folder is created."""
    done = run("shop/sales.v2", "-o", "made/sales.yaml")
    assert (done.exit_code, done.stdout) == (0, "")
    assert yaml.safe_load((shop.root / "made/sales.yaml").read_text())["id"] == "shop.sales.v2"


def test_a_file_each_in_a_folder(shop):
    """Named by department, name and version."""
    assert run("-o", "made").exit_code == 0
    assert sorted(path.name for path in (shop.root / "made").iterdir()) == [
        "shop.sales.v1.odcs.yaml",
        "shop.sales.v2.odcs.yaml",
        "shop.shipped.v1.odcs.yaml",
    ]


def test_several_contracts_need_a_folder(shop):
    """Nothing is written."""
    done = run("shop/sales", "-o", "sales.yaml")
    assert done.exit_code == 2
    assert "--output: expected one contract for a file, found shop.sales.v1, shop.sales.v2; name one" in done.stderr
    assert not (shop.root / "sales.yaml").exists()


def test_a_wrong_name(shop):
    """All wrong names are reported, with the nearest ones."""
    done = run("shop/sale", "shop/ship")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "shop/sale: expected a contract as DEPARTMENT/NAME or DEPARTMENT/NAME.vN" in done.stderr
    assert "did you mean 'shop/shipped'?" in done.stderr


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        (CONTRACT, "receipt: int64", "receipt: int65", f"{CONTRACT}:6: fields.receipt"),
        (CONTRACT, "DATASETS", "NOTHING", "expected the publication at shop.datasets:NOTHING, found: AttributeError"),
        (
            "departments/shop/src/shop/datasets.py",
            "from airnub_core",
            "from gone_away",
            "sets.py:1: shop imports gone_away, ",
        ),
        ("configs/departments.yaml", "owner", "ownr", "configs/departments.yaml:5: "),
        ("configs/variables/shop/processing.yaml", "store:", "store: [", "processing.yaml"),
    ],
)
def test_a_mistake_in_a_file_is_named(shop, path, old, new, expected):
    """With its place; nothing is printed."""
    shop.change(path, old, new)
    done = run("shop/sales.v1")
    assert (done.exit_code, done.stdout) == (2, "")
    assert expected in done.stderr


def test_a_mistake_in_a_different_contract_does_not_matter(shop):
    """`airnub check` reports it, and so does the export of that contract."""
    shop.change("departments/shop/contracts/shipped.v1.yaml", "kind", "knid")
    assert run("shop/sales.v1").exit_code == 0
    assert run().exit_code == 2


def test_outside_of_a_workspace(tmp_path, monkeypatch):
    """Exit status 2."""
    monkeypatch.chdir(tmp_path)
    assert run().exit_code == 2
