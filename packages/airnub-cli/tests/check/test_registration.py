"""Placement: where a member must be named besides."""

from airnub_cli.check.registration import check_registration


def test_a_good_house(house):
    """Everybody is placed; tools that are not used ask for nothing."""
    assert house.told(check_registration(house.workspace)) == []
    house.write("pyproject.toml", '[tool.uv.workspace]\nmembers = ["packages/*", "departments/*"]\n')
    assert house.told(check_registration(house.workspace)) == []


def test_a_folder_that_no_pattern_finds(house):
    """It lies where members lie, and uv does not know of it."""
    house.write("pyproject.toml", '[tool.uv.workspace]\nmembers = ["packages/*", "departments/beta_dept"]\n')
    assert house.told(check_registration(house.workspace)) == [
        "departments/alpha_dept/pyproject.toml: expected a member of the workspace, found it in none of `members` of "
        "pyproject.toml"
    ]


def test_a_member_that_nobody_placed_and_one_that_is_gone(house):
    """Each place, with its line."""
    house.change("pyproject.toml", '"alpha_dept", "beta_dept"]', '"beta_dept", "gone"]')
    house.change("pyproject.toml", "alpha_dept | beta_dept", "beta_dept")
    assert house.told(check_registration(house.workspace)) == [
        "pyproject.toml:12: expected 'alpha_dept' in root_packages of tool.importlinter, found it missing",
        "pyproject.toml:12: expected members of the workspace in root_packages of tool.importlinter, found 'gone'",
        "pyproject.toml:18: expected 'alpha_dept' in layers of the import contract `layers`, found it missing",
    ]
