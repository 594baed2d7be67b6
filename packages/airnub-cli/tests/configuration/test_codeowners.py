"""CODEOWNERS."""

from airnub_cli.configuration.codeowners import codeowners
from airnub_cli.configuration.registry import Registered, Registry

TWO = [Registered(id=name, display_name="D", owner=f"team-{name}", contacts=["c"], status="active") for name in "ba"]


def test_a_department_owns_all_its_files():
    """Folder, Variables and pool; departments in the order of their names."""
    text = codeowners(Registry(organisation="Acme-1", departments=TWO))
    assert text.splitlines()[1:6] == [
        "",
        "/departments/a/ @Acme-1/team-a",
        "/configs/variables/a/ @Acme-1/team-a",
        "/infra/work-pools/a.yaml @Acme-1/team-a",
        "",
    ]


def test_the_platforms_team_owns_what_all_share():
    """Its lines come first, since of several that match GitHub takes the last: pools stay with their departments."""
    lines = codeowners(Registry(organisation="acme", platform_owner="platform", departments=TWO)).splitlines()
    shared = ("/.github/", "/infra/", "/configs/environments/", "/packages/", "/uv.lock")
    places = [lines.index(f"{place} @acme/platform") for place in shared]
    assert max(places) < lines.index("/infra/work-pools/a.yaml @acme/team-a")


def test_without_an_organisation_there_is_none():
    """Nobody knows whose teams they are."""
    assert codeowners(Registry(platform_owner="platform", departments=TWO)) is None
