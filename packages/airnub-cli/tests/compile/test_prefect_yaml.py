"""Sources.
Ownership.
Names.
"""

from airnub_cli.compile.prefect_yaml import list_at, mapping_at, read_source, retagged, tags, text_at
from airnub_cli.configuration.registry import load_registry


def test_a_department_has_its_file_and_its_names(house):
    """What it is called in Python, and everywhere else."""
    [registered] = load_registry(house.root).departments
    source = read_source(registered.id, registered, house.deployments)
    assert (source.department, source.command) == ("department_for_deploying", "department-for-deploying")
    assert source.is_compiled
    assert source.mistakes == []


def test_a_mistake_has_the_line_of_its_place(house):
    """And the place as it would be typed."""
    source = read_source("department_for_deploying", None, house.deployments)
    first, _ = source.entries()
    mistake = first.mistake("so and so", "schedules", 1, "slug")
    assert (mistake.line, mistake.message) == (11, "deployments.0.schedules.1.slug: so and so")


def test_values_of_another_type_are_as_good_as_missing():
    """What is wrong with them is told by the schema."""
    value = {"a": {"b": 5}, "c": "x"}
    assert text_at(value, "a", "b") is text_at(value, "c", "d") is text_at(None) is None
    assert list_at(value, "c") == list_at(5) == []
    assert mapping_at(value, "c") == {}


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


SECOND = "name: department-for-deploying-second"


def test_a_name_comes_once(house):
    """The other one is told with its line."""
    house.change(SECOND, "name: department-for-deploying-first")
    [told] = [line for line in house.mistakes() if "duplicate" in line]
    assert told.startswith("prefect.yaml:12: deployments.1.name: duplicate 'department-for-deploying-first'")
    assert told.endswith("prefect.yaml:3")


def test_a_trigger_waits_for_what_there_is(house):
    """A deployment that nobody has is told with the nearest one, also inside of a compound trigger."""
    house.change("prefect.resource.name: department-for-deploying-first", "prefect.resource.name: department-for-first")
    assert house.mistakes() == [
        "prefect.yaml:24: deployments.1.triggers.0.match_related.prefect.resource.name: expected a deployment of this "
        "repository, found 'department-for-first'; did you mean 'department-for-deploying-first'?"
    ]
    text = house.deployments.read_text().partition("      - name: second-after-first")[0]
    house.deployments.write_text(
        f"{text}      - name: a\n        type: compound\n        enabled: true\n        require: all\n"
        "        triggers:\n          - type: event\n            expect: [x]\n            match_related:\n"
        "              - {prefect.resource.role: deployment, prefect.resource.name: [gone]}\n"
    )
    [told] = house.mistakes()
    assert told.startswith(
        "prefect.yaml:29: deployments.1.triggers.0.triggers.0.match_related.0.prefect.resource.name: "
    )


def test_names_of_triggers_come_once(house):
    """They are those of automations."""
    trigger = house.deployments.read_text().partition("    triggers:\n")[2]
    house.deployments.write_text(house.deployments.read_text() + trigger)
    [told] = house.mistakes()
    assert told.startswith("prefect.yaml:26: deployments.1.triggers.1.name: duplicate 'second-after-first'")


def test_a_trigger_waits_for_events_of_a_department_that_there_is(house):
    """Of an ingestion or of a dataset; a wildcard is left alone."""
    related = (
        "match_related: {prefect.resource.role: deployment, prefect.resource.name: department-for-deploying-first}"
    )
    good = "match: {prefect.resource.id: [airnub.ingestion.department_for_deploying, airnub.dataset.*]}"
    house.change(related, good)
    assert house.mistakes() == []
    house.change(good, "match: {prefect.resource.id: airnub.dataset.department_for_deployin.orders}")
    assert house.mistakes() == [
        "prefect.yaml:24: deployments.1.triggers.0.match.prefect.resource.id: expected a department of this "
        "repository, found 'department_for_deployin'; did you mean 'department_for_deploying'?"
    ]
