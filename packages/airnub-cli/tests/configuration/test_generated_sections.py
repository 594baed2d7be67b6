"""Generated sections: CODEOWNERS, lines of pyproject.toml, and services of Compose."""

import pytest
import yaml

from airnub_cli.configuration.generated_sections import codeowners, repeated_lines, repeated_services
from airnub_cli.configuration.registry import Registered, Registry
from airnub_prefect.errors import ConfigurationError

TWO = [Registered(id=name, display_name="D", owner=f"team-{name}", contacts=["c"], status="active") for name in "ba"]


def test_a_department_owns_all_its_files():
    """Folder, Variables and pool; departments sorted by name."""
    text = codeowners(Registry(organisation="Acme-1", departments=TWO))
    assert text.splitlines()[1:6] == [
        "",
        "/departments/a/ @Acme-1/team-a",
        "/configs/variables/a/ @Acme-1/team-a",
        "/infra/work-pools/a.yaml @Acme-1/team-a",
        "",
    ]


def test_the_platform_team_owns_shared_files():
    """Its lines are first: the last match counts on GitHub, so pools belong to their departments."""
    lines = codeowners(Registry(organisation="acme", platform_owner="platform", departments=TWO)).splitlines()
    shared = ("/.github/", "/infra/", "/configs/environments/", "/packages/", "/uv.lock")
    places = [lines.index(f"{place} @acme/platform") for place in shared]
    assert max(places) < lines.index("/infra/work-pools/a.yaml @acme/team-a")


def test_without_an_organisation_there_are_no_codeowners():
    """The organisation of the teams is unknown."""
    assert codeowners(Registry(platform_owner="platform", departments=TWO)) is None


TOML = """\
# department_template is the one to copy
names = [
    "airnub_cli",
    "department_template",  # a comment
    "old",  # a comment
]
text = \"\"\"\\
    department_template |\\
    airnub_cli\"\"\"
"""
COMPOSE = """\
x-build: &build {context: .}

services:
  # The first.
  server: {image: s}

  beta:
    build: {<<: *build, args: {DEPARTMENT: beta}}
    mem_limit: 3g

  # Its worker.
  worker-beta: {image: w}

networks: {}
"""
TEMPLATE = """\
# Not copied.

services:
  department-template:
    build: {<<: *build, args: {DEPARTMENT: department_template}}

  worker-department-template: {image: w}
"""


def test_a_line_of_the_template_is_repeated(tmp_path):
    """Sorted; lines of removed departments are removed, and those of shared packages are kept."""
    path = tmp_path / "x.toml"
    path.write_text(TOML)
    made = repeated_lines(path, ["new", "alpha"])
    lines = '    "alpha",  # a comment\n    "department_template",  # a comment\n    "new",  # a comment\n'
    assert made == TOML.replace('    "department_template",  # a comment\n    "old",  # a comment\n', lines).replace(
        "    department_template |\\\n", "    alpha |\\\n    department_template |\\\n    new |\\\n"
    )
    path.write_text(made)
    assert repeated_lines(path, ["alpha", "new"]) == made


def test_a_line_that_cannot_be_repeated_is_a_mistake(tmp_path):
    """The error has the expected form."""
    path = tmp_path / "x.toml"
    path.write_text('name = "department_template"\n')
    with pytest.raises(ConfigurationError, match="expected each mention of department_template to be a line"):
        repeated_lines(path, ["new"])


def test_a_file_that_is_not_utf8_is_a_mistake(tmp_path):
    """With its line; it was a traceback."""
    path = tmp_path / "file"
    path.write_bytes(b"a: 1\n# Z\xfcrich\n")
    for read, what in ((lambda: repeated_lines(path, []), "TOML"), (lambda: repeated_services(path, "", []), "YAML")):
        with pytest.raises(ConfigurationError, match=rf"file:2: expected a {what} file in UTF-8, found byte 0xfc"):
            read()


def test_services_are_added_and_removed(tmp_path):
    """New ones are copied from the template, sorted by name; others are unchanged."""
    path = tmp_path / "docker-compose.yml"
    path.write_text(COMPOSE)
    assert repeated_services(path, TEMPLATE, ["beta"]) == COMPOSE
    three = repeated_services(path, TEMPLATE, ["beta", "alpha_1", "gamma"])
    services = yaml.safe_load(three)["services"]
    assert list(services) == ["server", "alpha-1", "worker-alpha-1", "beta", "worker-beta", "gamma", "worker-gamma"]
    assert services["alpha-1"]["build"] == {"context": ".", "args": {"DEPARTMENT": "alpha_1"}}
    path.write_text(three)
    assert repeated_services(path, TEMPLATE, ["beta"]) == COMPOSE
    assert list(yaml.safe_load(repeated_services(path, TEMPLATE, []))["services"]) == ["server"]


@pytest.mark.parametrize("text", ["a: [\n", "x: 1\n", "services: {server: {image: s}}\n"])
def test_a_file_of_a_different_form_is_a_mistake(tmp_path, text):
    """It is named, and not written."""
    path = tmp_path / "docker-compose.yml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"docker-compose\.yml: expected"):
        repeated_services(path, TEMPLATE, ["beta"])
