"""The template's files as those of a department."""

import pytest
import yaml

from airnub_cli.configuration.names import Names
from airnub_cli.new.template_copy import DepartmentSpec, department_files, registry_entry, sample_entry
from airnub_cli.workspace import WorkspaceError

ORDERS = DepartmentSpec(Names("fresh_orders", "Fresh & Good"), "team-sales", ("sales@example.org", "Ann: 7th floor"))


def test_every_file_is_renamed_and_in_its_place(house):
    """Nothing of the template's name is left, and nothing of how to copy it."""
    files = department_files(house.root, ORDERS)
    assert "departments/fresh_orders/src/fresh_orders/flows/ingestion/stage.py" in files
    assert "departments/fresh_orders/src/fresh_orders/py.typed" in files
    assert {name for name in files if not name.startswith("departments/fresh_orders/")} == {
        "configs/variables/fresh_orders/analysis.yaml",
        "configs/variables/fresh_orders/ingestion.yaml",
        "configs/variables/fresh_orders/processing.yaml",
        "infra/work-pools/fresh-orders.yaml",
    }
    for name, content in files.items():
        text = content.decode()
        assert not any(word in text for word in ("department_template", "department-template", "Department Template"))
        assert "by hand" not in text, name
    assert (
        'description = "Fresh & Good, a department of airnub"'
        in files["departments/fresh_orders/pyproject.toml"].decode()
    )


def test_imports_stay_in_order(house):
    """A name before `airnub` comes first."""
    files = department_files(house.root, DepartmentSpec(Names("accounts", "Accounts"), "team-a"))
    text = files["departments/accounts/src/accounts/demo.py"].decode()
    assert text.index("from accounts.settings") < text.index("from airnub_core")


def test_the_entry_of_the_registry(house):
    """With the owner, and whom to ask."""
    assert yaml.safe_load(registry_entry(house.root, ORDERS)) == [
        {
            "id": "fresh_orders",
            "display_name": "Fresh & Good",
            "owner": "team-sales",
            "contacts": ["sales@example.org", "Ann: 7th floor"],
            "status": "active",
        }
    ]
    [entry] = yaml.safe_load(registry_entry(house.root, DepartmentSpec(Names("a", "A"), "team-a")))
    assert (entry["owner"], entry["contacts"]) == ("team-a", ["team-a"])


def test_the_sample_site_of_the_environment_sample(house):
    """In place of all sources; of a category that the department goes without there is nothing."""
    [(name, changes)] = yaml.safe_load(sample_entry(house.root, ORDERS)).items()
    assert name == "fresh_orders"
    [source] = changes["ingestion"]["scheduled_file_downloads"]
    assert source["urls"] == ["${AIRNUB_SITE_URL:-http://127.0.0.1:8000}/fresh-orders/measurements.csv"]
    assert changes["ingestion"]["public_api_data"] == changes["ingestion"]["web_page_link_scraping"] == []
    short = DepartmentSpec(
        ORDERS.names, "team-sales", left_out=frozenset({"scheduled_file_downloads", "public_api_data"})
    )
    assert list(yaml.safe_load(sample_entry(house.root, short))["fresh_orders"]["ingestion"]) == [
        "network", "web_page_link_scraping"
    ]  # fmt: skip


def test_a_template_that_is_no_python(house):
    """Parts cannot be left out of it; the mistake is told with its line."""
    path = house.root / "departments/_template/src/department_template/flows/pipeline.py"
    path.write_text('"""Broken."""\n\ndef (:\n')
    with pytest.raises(WorkspaceError, match=r"pipeline\.py:3: expected Python in the template, found: invalid"):
        department_files(house.root, DepartmentSpec(Names("a", "A"), "team-a", left_out=frozenset({"analysis"})))
