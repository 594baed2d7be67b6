"""Secrets that settings name, against the files, the server and the environment."""

import pytest

from airnub_cli.apply.desired_state import compare
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.settings import StoreSettings


@pytest.fixture
def naming(repository, monkeypatch):
    """A repository whose settings name a secret that no test has, twice."""

    class Settings(StoreSettings, department=repository.department, stage="ingestion"):
        more: str | None = None

        def secrets(self):
            return [*super().secrets(), *([self.more] if self.more else [])]

    monkeypatch.setattr(type(repository), "settings", lambda _: Settings)
    reference = f"secret/index-{repository.unique}"
    repository.reference = reference
    repository.write(
        f"configs/variables/{repository.department}/ingestion.yaml",
        f"store: data\nindex:\n  block: {reference}\nmore: {reference}\n",
    )
    return repository


def test_a_secret_that_is_nowhere_is_reported_before_anything_is_sent(naming, server):
    """At each place that names it, with what to do."""
    with pytest.raises(ConfigurationError) as raised:
        naming.apply()
    path = f"configs/variables/{naming.department}/ingestion.yaml"
    assert [(one.where.endswith(path), one.line) for one in raised.value.mistakes] == [(True, 3), (True, 4)]
    name = naming.reference.partition("/")[2]
    assert raised.value.mistakes[0].message == (
        f"expected the block {naming.reference} in configs/blocks/ or on the server, found none; add "
        f"configs/blocks/{name}.yaml, create the block on the server, or set "
        f"AIRNUB_SECRET_{name.upper().replace('-', '_')} in the environment or in .env"
    )
    assert server.get(f"/variables/name/dept_{naming.department}_ingestion_config") is None


def test_a_secret_of_the_environment(naming):
    """Flows read it there without a block."""
    values = {f"AIRNUB_SECRET_INDEX_{naming.unique.upper()}": "x"}
    assert naming.wanted(values=values).missing_secrets == []


def test_a_secret_of_the_repository_and_then_of_the_server(naming, server):
    """A file is enough; and after it was applied, the server has the block without the file."""
    name = naming.reference.partition("/")[2]
    file = naming.write(f"configs/blocks/{name}.yaml", f"type: secret\nname: {name}\nfields: {{value: '${{TOKEN}}'}}\n")
    naming.apply(values={"TOKEN": "x"})
    file.unlink()
    assert [change.action.value for change in compare(server, naming.wanted())] == ["unchanged"]


def test_a_file_for_another_environment_is_none_here(naming):
    """The block is made there alone."""
    name = naming.reference.partition("/")[2]
    naming.write("configs/environments/far.yaml", "description: There.\n")
    naming.write(
        f"configs/blocks/{name}.yaml",
        f"type: secret\nname: {name}\nenvironments: [far]\nfields: {{value: '${{TOKEN}}'}}\n",
    )
    assert [use.line for use in naming.wanted().missing_secrets] == [3, 4]
    assert naming.wanted("far", values={"TOKEN": "x"}).missing_secrets == []
