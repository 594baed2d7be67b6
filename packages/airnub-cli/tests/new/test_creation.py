"""What a new department is to be; making it is tested on a whole copy of the repository (tests/test_departments.py)."""

import pytest

from airnub_cli.new.creation import create_department, department_spec, install
from airnub_cli.new.template_pruning import template_folder
from airnub_cli.workspace import WorkspaceError
from airnub_prefect.errors import ConfigurationError


def test_without_options_it_is_all_of_the_template(house):
    """The owner is a team of its name, and whom to ask."""
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
def test_it_goes_without_what_was_not_chosen(house, stages, chosen, left_out):
    """Without files there is nothing to process."""
    assert department_spec(house, "zoo", stages=stages, chosen=chosen).left_out == left_out


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"stages": ["analysis"]}, "--stages: expected ingestion, or ingestion,processing, or"),
        ({"stages": ["ingestion", "analysis"]}, "each works on what the one before it made"),
        ({"stages": []}, "--stages: expected some of ingestion, processing, analysis, found none"),
        ({"stages": ["digestion"]}, "found digestion"),
        ({"chosen": ["files"]}, "--categories: expected some of public_api_data, "),
        ({"chosen": ["public_api_data"], "stages": ["ingestion", "processing"]}, "expected scheduled_file_downloads"),
        ({"owner": "@acme/team"}, "--owner: "),
        ({"display_name": " "}, "--display-name: expected one to 60 characters"),
        ({"display_name": 'x"\nimport os'}, "--display-name: expected one to 60 characters"),
        ({"contacts": ["a\\b"]}, "--contact: expected one to 60 characters"),
    ],
)
def test_what_cannot_be_is_refused(house, options, reason):
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
def test_a_file_that_cannot_be_read_is_left_as_it_is(house, path, text, reason):
    """And so is everything else."""
    wanted = department_spec(house, "zoo")
    (house.root / path).write_text(text)
    before = {one: one.read_bytes() for one in house.root.rglob("*") if one.is_file()}
    with pytest.raises((WorkspaceError, ConfigurationError), match=reason):
        create_department(house, wanted)
    assert {one: one.read_bytes() for one in house.root.rglob("*") if one.is_file()} == before
    assert not (house.root / ".airnub").exists()


def test_without_the_template_there_is_nothing_to_copy(house):
    """It says where it was looked for."""
    wanted = department_spec(house, "zoo")
    template_folder(house.root).rename(house.root / "elsewhere")
    with pytest.raises(WorkspaceError, match="expected the template in"):
        create_department(house, wanted)


def test_the_environment_of_others_is_left_alone(house):
    """It is brought up to date only in the checkout's own."""
    assert install(house.root) is False
