"""Ownership."""

from airnub_cli.compile.department_file import read_source
from airnub_cli.compile.ownership import retagged, tags
from airnub_cli.configuration.registry import load_registry


def source(house):
    """The department's file as it is now."""
    [registered] = load_registry(house.root).departments
    return read_source(registered.id, registered, house.deployments)


def test_tags_come_from_the_registry_and_the_department(house):
    """Who owns it and which stage it is; a person's own tags stay behind those."""
    first, second = source(house).entries()
    assert tags(first) == ["airnub", "department:department_for_deploying", "owner:team-one", "stage:first", "nightly"]
    assert tags(second)[-1] == "stage:second"


def test_a_new_owner_is_written_into_the_file(house):
    """The lines of the tags are changed, and no other."""
    house.change("owner: team-one", "owner: team-two", "configs/departments.yaml")
    one = source(house)
    assert retagged(one).mistakes == []
    assert retagged(one).expected == one.path.read_text().replace("owner:team-one", "owner:team-two")


def test_missing_tags_are_added_after_the_entrypoint(house):
    """With its indentation."""
    text = house.deployments.read_text()
    lines = text.splitlines(keepends=True)
    house.deployments.write_text("".join(line for line in lines if "tags:" not in line))
    assert retagged(source(house)).expected == text.replace(", nightly", "")


def test_tags_that_nobody_can_rewrite_are_a_mistake(house):
    """It says the line that is expected."""
    house.change("    tags: [airnub,", "    tags: [\n      airnub,")
    house.change("owner:team-one", "owner:nobody")
    [told] = house.mistakes()
    assert told.startswith(
        "prefect.yaml:6: deployments.0.tags: expected one line of its own, tags: [airnub, department:"
    )


def test_tags_in_an_anchor_are_a_mistake(house):
    """They would be those of several deployments."""
    house.write(
        "departments/department_for_deploying/prefect.yaml",
        "definitions:\n  one: &one\n    tags: [a]\ndeployments:\n  - <<: *one\n    name: department-for-deploying-a\n"
        "    entrypoint: department_for_deploying.flows.first\n",
    )
    assert [line for line in house.mistakes() if "prefect.yaml:3: deployments.0.tags: expected one line" in line]
