"""Names and arguments of new departments; tests/test_departments.py creates one in a copy of the repository."""

import pytest

from airnub_cli.new.creation import check_identifier, check_name, create_department, department_spec, install
from airnub_cli.new.template_copy import template_folder
from airnub_cli.workspace import WorkspaceError
from airnub_prefect.errors import ConfigurationError


@pytest.mark.parametrize("name", ["zoo", "orders_2", "north_sea_shipping", "a"])
def test_a_free_identifier_is_fine(house, name):
    """Lower-case letters, digits, single underscores."""
    check_name(house, name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "begins with a letter; nothing"),
        ("Orders", "; orders is valid"),
        ("my-orders", "; my_orders is valid"),
        ("2orders", "; orders is valid"),
        ("_orders", "; orders is valid"),
        ("orders_", "; orders is valid"),
        ("or__ders", "; or_ders is valid"),
        ("../orders", "; orders is valid"),
        ("größe", "lower-case letters"),
        ("a\nb", "lower-case letters"),
        ("x" * 31, "31 characters"),
        ("class", "a keyword or built-in of Python"),
        ("match", "a keyword or built-in of Python"),
        ("print", "a keyword or built-in of Python"),
        ("airnub", "reserved"),
        ("airnub_orders", "reserved"),
        ("prefect", "reserved"),
        ("department_template", "reserved"),
        ("worker_x", "reserved"),
        ("site_x", "reserved"),
        ("dist", "reserved"),
        ("tests", "reserved"),
        ("nul", "reserved"),
        pytest.param("project_alpha", "departments/project_alpha has this name", marks=pytest.mark.example),
        ("json", "standard library"),
        ("polars", "shadow the module polars"),
        ("yaml", "shadow the module yaml"),
        ("sh", "its command would hide /"),
        ("pyyaml", "uv.lock has a package pyyaml"),
        ("typing_extensions", "shadow the module"),
        ("configs", "configs exists already"),
        ("server", "a service server already"),
        ("postgres", "a service postgres already"),
        pytest.param("project_alpha_ingestion", "the same name, project-alpha-ingestion", marks=pytest.mark.example),
    ],
)
def test_an_invalid_name_is_refused_with_its_reason(house, name, reason):
    """Before anything is written."""
    with pytest.raises(WorkspaceError) as error:
        check_name(house, name)
    assert str(error.value).startswith(f"expected the name of a new department, found {name!r}: ")
    assert reason in str(error.value)


def test_a_command_left_by_a_removed_department_is_explained(house, monkeypatch, tmp_path):
    """The message has the command that removes it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/zoo").touch(0o755)
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(WorkspaceError, match="remove the command of a department that no longer exists: uv sync"):
        check_name(house, "zoo")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("departments/zoo/x", "departments/zoo exists already"),
        ("configs/variables/zoo/x", "configs/variables/zoo exists already"),
        ("infra/work-pools/zoo.yaml", "infra/work-pools/zoo.yaml exists already"),
    ],
)
def test_existing_files_are_named(house, place, reason):
    """Nothing would be overwritten."""
    (house.root / place).parent.mkdir(exist_ok=True)
    (house.root / place).write_text("")
    with pytest.raises(WorkspaceError, match=reason):
        check_name(house, "zoo")


@pytest.mark.example
def test_an_id_of_the_registry_is_taken(house):
    """Even if its folder does not exist."""
    registry = house.root / "configs" / "departments.yaml"
    registry.write_text(registry.read_text().replace("id: project_alpha", "id: zoo"))
    with pytest.raises(WorkspaceError, match=r"departments\.yaml has it already"):
        check_name(house, "zoo")


def test_a_compose_file_with_other_bytes(house):
    """It is reported with its line, before anything is written; it was a traceback."""
    with (house.root / "docker-compose.yml").open("ab") as file:
        file.write(b"# Z\xfcrich\n")
    with pytest.raises(ConfigurationError, match=r"docker-compose\.yml:\d+: expected a YAML file in UTF-8"):
        check_name(house, "zoo")


def test_identifiers_of_categories(house):
    """They follow the same rules."""
    check_identifier("weather_stations", "category")
    with pytest.raises(WorkspaceError, match="expected the name of a new category, found 'a-b'"):
        check_identifier("a-b", "category")


def test_without_options_everything_is_included(house):
    """The owner is a team of its name, which is also the contact."""
    wanted = department_spec(house, "fresh_orders")
    assert (wanted.names.display, wanted.owner, wanted.left_out) == ("Fresh Orders", "team-fresh-orders", frozenset())


@pytest.mark.parametrize(
    ("stages", "chosen", "left_out"),
    [
        (["ingestion"], None, {"processing", "analysis"}),
        (["processing", "ingestion"], None, {"analysis"}),
        (None, ["public_api_data"], {"processing", "analysis", "scheduled_file_downloads", "web_page_link_scraping"}),
        (None, ["scheduled_file_downloads"], {"public_api_data", "web_page_link_scraping"}),
    ],
)
def test_parts_that_were_not_chosen_are_omitted(house, stages, chosen, left_out):
    """Without files there is nothing to process."""
    assert department_spec(house, "zoo", stages=stages, chosen=chosen).left_out == left_out


def test_an_empty_department_omits_the_example_and_its_analysis(house):
    """It may also have only an ingestion."""
    assert department_spec(house, "zoo", is_empty=True).left_out == {"analysis", "example"}
    short = department_spec(house, "zoo", is_empty=True, stages=["ingestion"])
    assert short.left_out == {"processing", "analysis", "example"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"stages": ["analysis"]}, "--stages: expected ingestion, or ingestion,processing, or"),
        ({"stages": ["ingestion", "analysis"]}, "each stage reads the results of the previous one"),
        ({"stages": []}, "--stages: expected some of ingestion, processing, analysis, found none"),
        ({"stages": ["digestion"]}, "found digestion"),
        ({"chosen": ["files"]}, "--categories: expected some of public_api_data, "),
        ({"chosen": ["public_api_data"], "stages": ["ingestion", "processing"]}, "expected scheduled_file_downloads"),
        ({"is_empty": True, "stages": ["ingestion", "processing", "analysis"]}, "with --empty, found analysis"),
        ({"owner": "@acme/team"}, "--owner: "),
        ({"display_name": " "}, "--display-name: expected one to 60 characters"),
        ({"display_name": 'x"\nimport os'}, "--display-name: expected one to 60 characters"),
        ({"contacts": ["a\\b"]}, "--contact: expected one to 60 characters"),
    ],
)
def test_invalid_arguments_are_refused(house, options, reason):
    """Before anything is written."""
    with pytest.raises(WorkspaceError) as error:
        department_spec(house, "zoo", **options)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("configs/departments.yaml", "departments: [\n", r"departments\.yaml:\d+"),
        ("docker-compose.yml", "services: [\n", r"docker-compose\.yml: expected YAML"),
    ],
)
def test_an_invalid_file_is_not_changed(house, path, text, reason):
    """Nothing else is changed, either."""
    wanted = department_spec(house, "zoo")
    (house.root / path).write_text(text)
    before = {one: one.read_bytes() for one in house.root.rglob("*") if one.is_file()}
    with pytest.raises((WorkspaceError, ConfigurationError), match=reason):
        create_department(house, wanted)
    assert {one: one.read_bytes() for one in house.root.rglob("*") if one.is_file()} == before
    assert not (house.root / ".airnub").exists()


def test_without_the_template_there_is_nothing_to_copy(house):
    """The error has the expected folder."""
    wanted = department_spec(house, "zoo")
    template_folder(house.root).rename(house.root / "elsewhere")
    with pytest.raises(WorkspaceError, match="expected the template in"):
        create_department(house, wanted)


def test_a_different_environment_is_not_synced(house):
    """Only the checkout's own environment is."""
    assert install(house.root) is False
