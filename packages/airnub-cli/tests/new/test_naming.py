"""Naming."""

import pytest

from airnub_cli.new.naming import check_identifier, check_name
from airnub_cli.workspace import WorkspaceError


@pytest.mark.parametrize("name", ["zoo", "orders_2", "north_sea_shipping", "a"])
def test_a_free_identifier_is_fine(house, name):
    """Lower-case letters, digits, single underscores."""
    check_name(house, name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "begins with a letter; nothing"),
        ("Orders", "; orders would do"),
        ("my-orders", "; my_orders would do"),
        ("2orders", "; orders would do"),
        ("_orders", "; orders would do"),
        ("orders_", "; orders would do"),
        ("or__ders", "; or_ders would do"),
        ("../orders", "; orders would do"),
        ("größe", "lower-case letters"),
        ("a\nb", "lower-case letters"),
        ("x" * 31, "31 characters"),
        ("class", "a word of Python's own"),
        ("match", "a word of Python's own"),
        ("print", "a word of Python's own"),
        ("airnub", "reserved"),
        ("airnub_orders", "reserved"),
        ("prefect", "reserved"),
        ("department_template", "reserved"),
        ("worker_x", "reserved"),
        ("site_x", "reserved"),
        ("dist", "reserved"),
        ("tests", "reserved"),
        ("nul", "reserved"),
        ("project_alpha", "that of departments/project_alpha"),
        ("json", "standard library"),
        ("polars", "shadow the module polars"),
        ("yaml", "shadow the module yaml"),
        ("sh", "its command would hide /"),
        ("pyyaml", "uv.lock has a package pyyaml"),
        ("typing_extensions", "shadow the module"),
        ("configs", "configs is there already"),
        ("server", "a service server already"),
        ("postgres", "a service postgres already"),
        ("project_alpha_ingestion", "the same name, project-alpha-ingestion"),
    ],
)
def test_another_name_is_refused_with_its_reason(house, name, reason):
    """Before anything is written."""
    with pytest.raises(WorkspaceError) as error:
        check_name(house, name)
    assert str(error.value).startswith(f"expected the name of a new department, found {name!r}: ")
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("departments/zoo/x", "departments/zoo is there already"),
        ("configs/variables/zoo/x", "configs/variables/zoo is there already"),
        ("infra/work-pools/zoo.yaml", "infra/work-pools/zoo.yaml is there already"),
    ],
)
def test_what_is_in_the_way_is_named(house, place, reason):
    """Nothing would be overwritten."""
    (house.root / place).parent.mkdir(exist_ok=True)
    (house.root / place).write_text("")
    with pytest.raises(WorkspaceError, match=reason):
        check_name(house, "zoo")


def test_an_id_of_the_registry_is_taken(house):
    """Though its folder is not there."""
    registry = house.root / "configs" / "departments.yaml"
    registry.write_text(registry.read_text().replace("id: project_alpha", "id: zoo"))
    with pytest.raises(WorkspaceError, match=r"departments\.yaml has it already"):
        check_name(house, "zoo")


def test_an_identifier_of_another_thing(house):
    """Such as a category."""
    check_identifier("weather_stations", "category")
    with pytest.raises(WorkspaceError, match="expected the name of a new category, found 'a-b'"):
        check_identifier("a-b", "category")
