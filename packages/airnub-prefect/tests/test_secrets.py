"""Secrets."""

import asyncio

import pytest

from airnub_prefect.errors import ConfigurationError


def read(*references):
    """The values of secrets."""
    from airnub_prefect.secrets import read_secrets

    return {name: value.get_secret_value() for name, value in asyncio.run(read_secrets(list(references))).items()}


@pytest.fixture
def block(prefect_api):
    """Save a Secret block."""
    from prefect.blocks.system import Secret

    return lambda name, value: Secret(value=value).save(name, overwrite=True)


def test_the_block_comes_first(block, monkeypatch):
    """A block on the server is used, whatever the environment says."""
    block("of-tests", "from the block")
    monkeypatch.setenv("AIRNUB_SECRET_OF_TESTS", "from the environment")
    assert read("secret/of-tests") == {"secret/of-tests": "from the block"}


def test_the_environment_stands_in(prefect_api, monkeypatch):
    """Without a block the environment is asked, in upper case and with underscores."""
    monkeypatch.setenv("AIRNUB_SECRET_NO_BLOCK_1", "from the environment")
    assert read("secret/no-block-1", "secret/no-block-1") == {"secret/no-block-1": "from the environment"}


def test_the_dotenv_file_stands_in_too(prefect_api, monkeypatch, tmp_path):
    """`.env` of the checkout is read as by `airnub apply`; the environment takes precedence."""
    from airnub_prefect import secrets

    (tmp_path / ".env").write_text("AIRNUB_SECRET_DOTENV_1=from $FILE\nAIRNUB_SECRET_DOTENV_2=from .env\n")
    monkeypatch.setattr(secrets, "checkout", lambda: tmp_path)
    monkeypatch.setenv("AIRNUB_SECRET_DOTENV_2", "from the environment")
    assert read("secret/dotenv-1", "secret/dotenv-2") == {
        "secret/dotenv-1": "from $FILE",
        "secret/dotenv-2": "from the environment",
    }


def test_a_dotenv_file_with_an_invalid_line(prefect_api, monkeypatch, tmp_path):
    """The error names the line, as commands do."""
    from airnub_prefect import secrets

    (tmp_path / ".env").write_text("A=1\nB='open\n")
    monkeypatch.setattr(secrets, "checkout", lambda: tmp_path)
    with pytest.raises(ConfigurationError, match=r"\.env:2: expected NAME=value, found an unclosed quote"):
        read("secret/dotenv-3")


def test_all_that_are_missing_are_named(prefect_api, monkeypatch):
    """Those that are there are not; an empty one is none."""
    monkeypatch.setenv("AIRNUB_SECRET_THERE", "x")
    monkeypatch.setenv("AIRNUB_SECRET_EMPTY", "")
    with pytest.raises(ConfigurationError) as error:
        read("secret/there", "secret/empty", "secret/gone")
    message = str(error.value)
    assert "secret/empty (or AIRNUB_SECRET_EMPTY in the environment or .env), secret/gone" in message
    assert "there," not in message


def test_values_are_not_printed(prefect_api, monkeypatch):
    """A log shows asterisks."""
    from airnub_prefect.secrets import read_secrets

    monkeypatch.setenv("AIRNUB_SECRET_PRINTED", "hunter2")
    assert "hunter2" not in repr(asyncio.run(read_secrets(["secret/printed"])))


def test_without_references(monkeypatch):
    """No request is sent."""
    assert read() == {}
