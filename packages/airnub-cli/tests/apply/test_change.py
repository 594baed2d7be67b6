"""Changes."""

from airnub_cli.apply.change import Action, differences, unchanged


def test_differences_name_places_and_no_values():
    """Deep in mappings; of a list the list; a key on one side only."""
    wanted = {"network": {"max": 1, "same": 2}, "urls": ["secret"], "new": 1}
    found = {"network": {"max": 3, "same": 2}, "urls": ["other"], "old": 1}
    assert list(differences(wanted, found)) == ["network.max", "new", "old", "urls"]


def test_equal_values_of_other_types_differ():
    """To JSON, `true` is not 1."""
    assert list(differences({"a": True}, {"a": 1})) == ["a"]
    assert list(differences("x", "y")) == ["value"]
    assert list(differences({"a": [1]}, {"a": [1]})) == []


def test_nothing_to_do_can_be_sent():
    """It sends nothing."""
    change = unchanged("block", "secret/x", ("paused",))
    change.send()
    assert change.as_json() == {
        "kind": "block", "name": "secret/x", "action": Action.UNCHANGED.value, "different": [], "kept": ["paused"]
    }  # fmt: skip
