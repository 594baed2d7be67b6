"""Blocks."""

import pytest
from prefect.blocks.core import Block
from pydantic import SecretStr

from airnub_cli.apply.blocks import block_id
from airnub_prefect.errors import ConfigurationError


class DoorForTests(Block):
    """A block with a secret."""

    _block_type_slug = "door-for-tests"
    key: SecretStr


class HouseForTests(Block):
    """A block that refers to a different one."""

    _block_type_slug = "house-for-tests"
    door: DoorForTests


@pytest.fixture
def write(repository):
    """Write a block with a unique name, and return its reference."""

    def write_block(kind, name, fields):
        name = f"{name}-{repository.unique}"
        lines = "".join(f"  {key}: {value}\n" for key, value in fields.items())
        repository.write(f"configs/blocks/{kind}-{name}.yaml", f"type: {kind}\nname: {name}\nfields:\n{lines}")
        return f"{kind}/{name}"

    return write_block


def secret(server, reference):
    """The value on the server."""
    kind, _, name = reference.partition("/")
    path = f"/block_types/slug/{kind}/block_documents/name/{name}"
    return server.get(path, include_secrets="true")["data"]["value"]


def test_all_missing_secrets_are_named_at_once(repository, write):
    """With file and line, before a server is asked."""
    write("secret", "one", {"value": "${TOKEN_ONE}"})
    write("secret", "two", {"value": "${TOKEN_TWO}"})
    with pytest.raises(ConfigurationError) as raised:
        repository.wanted(values={"OTHER": "x"})
    told = str(raised.value)
    assert "yaml:4: secret/one" in told
    assert "expected TOKEN_ONE in the environment or in .env" in told
    assert "expected TOKEN_TWO in the environment or in .env" in told


def test_a_secret_is_created_kept_and_changed(repository, write, server):
    """A new value is sent; the output names its field, not its value."""
    reference = write("secret", "token", {"value": "${TOKEN}"})
    assert repository.actions(values={"TOKEN": "hunter2"}) == {reference: "created"}
    assert secret(server, reference) == "hunter2"
    before = block_id(server, reference)
    assert repository.actions(values={"TOKEN": "hunter2"}) == {reference: "unchanged"}
    change = repository.apply(values={"TOKEN": "hunter3"})["block", reference]
    assert (change.action.value, change.different) == ("updated", ("value",))
    assert "hunter" not in str(change.as_json())
    assert (secret(server, reference), block_id(server, reference)) == ("hunter3", before)


def test_a_secret_in_a_file_is_refused(repository, write, server):
    """The message has its length, not the secret."""
    write("secret", "token", {"value": "hunter2"})
    with pytest.raises(ConfigurationError) as raised:
        repository.apply()
    assert "value is secret: expected ${NAME}" in str(raised.value)
    assert "found a text of 7 characters" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_unknown_types_and_fields(repository, write, server):
    """All at once, with the nearest valid name; nothing is sent."""
    good = write("secret", "good", {"value": "${TOKEN}"})
    write("sceret", "a", {"value": "${TOKEN}"})
    write("webhook", "b", {"methd": "GET"})
    write("remote-file-system", "c", {"basepath": "7"})
    with pytest.raises(ConfigurationError) as raised:
        repository.apply(values={"TOKEN": "x"})
    told = str(raised.value)
    assert "unknown block type 'sceret'; did you mean 'secret'?" in told
    assert "unknown field 'methd' of a webhook block; did you mean 'method'?" in told
    assert "missing field 'url' of a webhook block" in told
    assert "basepath: expected a value that fits the field (type)" in told
    assert block_id(server, good) is None


def test_a_block_that_refers_to_another(repository, server):
    """The referenced one is created first; in the second run both are unchanged."""
    unique = repository.unique
    inner, outer = f"door-for-tests/z-{unique}", f"house-for-tests/a-{unique}"
    repository.write("configs/blocks/z.yaml", f"type: door-for-tests\nname: z-{unique}\nfields: {{key: '${{KEY}}'}}\n")
    repository.write(
        "configs/blocks/a.yaml", f"type: house-for-tests\nname: a-{unique}\nfields: {{door: {{block: {inner}}}}}\n"
    )
    assert list(repository.actions(values={"KEY": "x"}).items()) == [(inner, "created"), (outer, "created")]
    assert repository.actions(values={"KEY": "x"}) == {inner: "unchanged", outer: "unchanged"}
    assert repository.actions(values={"KEY": "y"}) == {inner: "updated", outer: "unchanged"}
    assert HouseForTests.load(f"a-{unique}").door.key.get_secret_value() == "y"


def test_blocks_in_a_cycle(repository):
    """None of them could be created first."""
    for one, other in (("a", "b"), ("b", "a")):
        repository.write(
            f"configs/blocks/{one}.yaml", f"type: secret\nname: {one}\nfields: {{value: {{block: secret/{other}}}}}\n"
        )
    with pytest.raises(ConfigurationError, match="without a cycle, found blocks that refer to one another"):
        repository.wanted()


def test_a_reference_to_an_unknown_block(repository, server):
    """It is reported with its line before anything is sent."""
    repository.write(
        "configs/blocks/a.yaml", "type: house-for-tests\nname: a\nfields:\n  door: {block: door-for-tests/nobody}\n"
    )
    with pytest.raises(ConfigurationError, match=r"a.yaml:4: door: expected the block door-for-tests/nobody in"):
        repository.apply()
