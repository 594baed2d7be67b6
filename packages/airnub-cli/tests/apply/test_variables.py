"""Variables, and the secrets that settings name."""

import asyncio

import pytest

from airnub_cli.apply.desired_state import compare
from airnub_cli.apply.variables import installed_department
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.settings import StoreSettings
from airnub_prefect.settings_resolution import resolve


@pytest.fixture
def path(repository):
    """The path of the stage's settings."""
    return f"configs/variables/{repository.department}/ingestion.yaml"


def test_a_value_is_the_file_with_the_overrides(repository, path):
    """Under the name that the flow reads, with tags of department and stage."""
    repository.write(path, "store: data\noptions: {a: 1, b: 2}\n")
    repository.write(
        "configs/environments/production.yaml",
        f"description: x\nvariables:\n  {repository.department}:\n    ingestion: {{options: {{b: null, c: 3}}}}\n",
    )
    [local], [production] = repository.wanted().variables, repository.wanted("production").variables
    assert local.value == {"store": "data", "options": {"a": 1, "b": 2}}
    assert production.value == {"store": "data", "options": {"a": 1, "c": 3}}
    assert local.name == f"dept_{repository.department}_ingestion_config"
    assert local.tags == ("airnub", f"department:{repository.department}", "stage:ingestion")


def test_all_mistakes_are_reported_at_once(repository, path):
    """Of the file, of the environment, and of unknown names."""
    repository.write(path, "stoer: data\ndepth: deep\n")
    repository.write(f"configs/variables/{repository.department}/ingestoin.yaml", "store: data\n")
    repository.write("configs/variables/nobody/ingestion.yaml", "store: data\n")
    repository.write("configs/variables/loose.yaml", "store: data\n")
    repository.write("configs/environments/local.yaml", "description: x\nvariables:\n  shop: {}\n")
    with pytest.raises(ConfigurationError) as raised:
        repository.wanted()
    told = str(raised.value)
    assert "ingestion.yaml:1: unknown key 'stoer'; did you mean 'store'?" in told
    assert "ingestion.yaml:2: depth: expected" in told
    assert "has no stage 'ingestoin' that would read this file; did you mean 'ingestion'?" in told
    assert "expected the department nobody to be installed" in told
    assert "loose.yaml: expected settings of a stage in configs/variables/<department>/<stage>.yaml" in told
    assert "local.yaml:3: unknown 'variables.shop'" in told


def test_a_value_that_is_too_large(repository, path):
    """The message has its size in bytes of JSON; the maximum size is accepted."""
    # {"store":"ää…"}: 12 bytes around the text, and an umlaut has two.
    repository.write(path, f"store: {'ä' * 2494}\n")
    repository.wanted()
    repository.write(path, f"store: {'ä' * 2495}\n")
    with pytest.raises(ConfigurationError, match=r"expected at most 5,000 bytes of JSON.*found 5,002"):
        repository.wanted()


def test_a_date_is_not_json(repository, path):
    """YAML parses some texts as dates."""
    repository.write(path, "store: data\ndepth: 2024-01-01\n")
    with pytest.raises(ConfigurationError, match=r"ingestion.yaml:2"):
        repository.wanted()


def test_a_department_by_its_package():
    """One that is not installed cannot be imported."""
    with pytest.raises(ImportError):
        installed_department("no_such_department")


def test_a_stage_finds_its_variable(repository, path, server):
    """The flow reads the applied Variable, and its changes; then nothing is sent."""
    name = f"dept_{repository.department}_ingestion_config"
    repository.write(path, "store: data\n")
    assert repository.actions() == {name: "created"}
    assert asyncio.run(resolve(repository.settings(), None)).depth == 1
    repository.write(path, "store: data\ndepth: 2\n")
    change = repository.apply()["variable", name]
    assert (change.action.value, change.different) == ("updated", ("depth",))
    assert asyncio.run(resolve(repository.settings(), None)).depth == 2
    before = server.get(f"/variables/name/{name}")
    assert repository.actions() == {name: "unchanged"}
    assert server.get(f"/variables/name/{name}") == before


def test_the_largest_value_is_taken_by_the_server(repository, path, server):
    """5,000 bytes are the limit of the server, too."""
    repository.write(path, f"store: {'ä' * 2494}\n")
    assert set(repository.actions().values()) == {"created"}


def test_tags_of_others_are_kept(repository, path, server):
    """A flow that sets the Variable without tags removes ours, which are restored; operators' tags are kept."""
    name = f"dept_{repository.department}_ingestion_config"
    repository.write(path, "store: data\n")
    repository.apply()
    server.patch(f"/variables/name/{name}", {"tags": ["theirs"]})
    assert repository.apply()["variable", name].different == ("tags",)
    tags = server.get(f"/variables/name/{name}")["tags"]
    assert set(tags) == {"airnub", f"department:{repository.department}", "stage:ingestion", "theirs"}
    assert repository.actions() == {name: "unchanged"}


@pytest.fixture
def naming(repository, monkeypatch):
    """A repository whose settings name a secret twice, which no other test has."""

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
    """At each place that names it, with the ways to provide it."""
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
    """A file is enough; after it was applied, the server has the block without the file."""
    name = naming.reference.partition("/")[2]
    file = naming.write(f"configs/blocks/{name}.yaml", f"type: secret\nname: {name}\nfields: {{value: '${{TOKEN}}'}}\n")
    naming.apply(values={"TOKEN": "x"})
    file.unlink()
    assert [change.action.value for change in compare(server, naming.wanted())] == ["unchanged"]


def test_a_block_of_a_different_environment_is_missing_here(naming):
    """It is created only in its own environment."""
    name = naming.reference.partition("/")[2]
    naming.write("configs/environments/far.yaml", "description: There.\n")
    naming.write(
        f"configs/blocks/{name}.yaml",
        f"type: secret\nname: {name}\nenvironments: [far]\nfields: {{value: '${{TOKEN}}'}}\n",
    )
    assert [use.line for use in naming.wanted().missing_secrets] == [3, 4]
    assert naming.wanted("far", values={"TOKEN": "x"}).missing_secrets == []
