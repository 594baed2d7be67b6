"""Environments."""

import pytest
from pydantic import ValidationError

from airnub_cli.configuration.environment import EnvironmentFile, environments, load_environment
from airnub_prefect.errors import ConfigurationError


def test_an_environment_is_known_by_its_file(house):
    """An unknown one is told with those that there are."""
    assert environments(house.root) == ["far", "local"]
    assert load_environment(house.root, "far").registry == "registry.example.org/house"
    with pytest.raises(ConfigurationError, match="expected an environment, found 'fra'; there are far, local"):
        load_environment(house.root, "fra")


def test_its_mistakes_have_lines(house):
    """All of them."""
    house.write("configs/environments/far.yaml", "kind: dokcer\nschedules: {a: 1}\nlimits: {a: 0}\n")
    with pytest.raises(ConfigurationError) as error:
        load_environment(house.root, "far")
    assert [mistake.line for mistake in error.value.mistakes] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("registry", ["https://example.org", "example.org/", "Example.org/a", "example.org/a b", ""])
def test_a_registry_is_what_docker_takes(registry):
    """No scheme, no slash at the end, lower case."""
    with pytest.raises(ValidationError, match="registry"):
        EnvironmentFile(description="x", registry=registry)
