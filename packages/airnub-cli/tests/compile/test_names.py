"""Names."""

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
