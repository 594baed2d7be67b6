# ruff: noqa: F811  # fixtures of another folder
"""Names of a department, and the registry."""

import pytest
from deployed_workspace import house  # noqa: F401

from airnub_cli.configuration.registry import Names, load_registry, renamed
from airnub_prefect.errors import ConfigurationError


def test_each_form_of_the_name_becomes_that_of_the_department():
    """The display name is kept if none is given."""
    text = "department_template department-template Department Template dept_department_template_x"
    assert renamed(text, Names("my_orders", "Mine")) == "my_orders my-orders Mine dept_my_orders_x"
    assert renamed("Department Template", Names("my_orders")) == "Department Template"


def test_departments_are_found_by_their_id(house):
    """With their owner."""
    registry = load_registry(house.root)
    department = registry.named("department_for_deploying")
    assert department is not None
    assert department.owner == "team-one"
    assert registry.named("nobody") is None


def test_optional_values(house):
    """The cost centre, and the organisation of the owning teams."""
    text = (house.root / "configs" / "departments.yaml").read_text()
    assert load_registry(house.root).organisation is None
    house.write(
        "configs/departments.yaml", "organisation: acme\n" + text.replace("status:", "cost_centre: C7, status:")
    )
    registry = load_registry(house.root)
    assert (registry.organisation, registry.departments[0].cost_centre) == ("acme", "C7")


def test_an_id_is_unique(house):
    """Otherwise the owner would be ambiguous."""
    text = (house.root / "configs" / "departments.yaml").read_text()
    house.write("configs/departments.yaml", text + text.removeprefix("departments:\n"))
    with pytest.raises(ConfigurationError, match="each id once, found department_for_deploying more"):
        load_registry(house.root)


def test_mistakes_in_the_registry_have_lines(house):
    """Missing and misspelt keys."""
    house.write("configs/departments.yaml", "departments:\n  - {id: a-b, owner: o, contacts: [], status: gone, x: 1}\n")
    with pytest.raises(ConfigurationError) as error:
        load_registry(house.root)
    told = str(error.value)
    for what in ("id: expected", "contacts: expected", "status: expected", "unknown key", "missing key"):
        assert what in told
