"""`airnub upgrade` without a Docker engine; tests/docker has one."""

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.upgrade.compose import Container


@pytest.fixture
def in_checkout(tmp_path, monkeypatch):
    """A workspace, without a command docker."""
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_without_docker(in_checkout):
    """The error says what is missing; exit status 1."""
    result = CliRunner().invoke(main, ["upgrade"])
    assert result.exit_code == 1
    assert "expected the command docker, found none" in result.stderr


def test_outside_of_a_checkout(tmp_path, monkeypatch):
    """Exit status 2."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["upgrade"])
    assert result.exit_code == 2
    assert "expected" in result.stderr


def test_help_has_an_example():
    """And explains the exit status."""
    said = CliRunner().invoke(main, ["upgrade", "--help"]).output
    assert "uv run airnub upgrade --dry-run" in said
    assert "Exit status" in said


class Compose:
    """A running system whose server, setup and worker have new images; records what Compose would create and run."""

    services = {
        "server": {"image": "new"},
        "setup": {"image": "new", "restart": "no", "depends_on": {"server": {}}},
        "worker-a": {"image": "new", "depends_on": {"setup": {}, "server": {}}},
    }

    def __init__(self):
        self.done = []

    def configuration(self):
        return {"name": "demo", "services": self.services}

    def digests(self, configuration):
        return dict.fromkeys(configuration["services"], "1")

    def containers(self, project):
        return [
            Container(name, name, "old-id", "1", "restart" not in one, 0, frozenset(), {})
            for name, one in self.services.items()
        ]

    def image(self, reference):
        return {"Id": "new-id", "Config": {"Env": []}}

    def runs(self, network):
        return []

    def run(self, configuration, service, *command):
        """Nothing to check."""

    def do(self, command, *arguments):
        """`up` runs exited dependencies again, and creates what it may; `create` creates."""
        names = [one for one in arguments if not one.startswith("-")]
        if command == "create":
            self.done += [f"create {name}" for name in names]
        if command == "up":
            without = "--no-deps" in arguments
            # Compose before 2.29.3 would recreate it in the next `up`.
            assert not without or "--no-recreate" in arguments
            needed = [] if without else [before for name in names for before in self._exited_before(name)]
            self.done += [f"run {name}" for name in (*needed, *names)]

    def do_once(self, project, service):
        self.done.append(f"run {service}")

    def _exited_before(self, name):
        return [one for one in self.services[name].get("depends_on", ()) if "restart" in self.services[one]]


def test_setup_runs_once(in_checkout, monkeypatch):
    """Not again with the workers, which depend on it."""
    compose = Compose()
    monkeypatch.setattr("airnub_cli.upgrade.command.ComposeProject", lambda *_: compose)
    result = CliRunner().invoke(main, ["upgrade"])
    assert result.exit_code == 0, result.output
    assert compose.done == ["run server", "run setup", "create worker-a", "run worker-a"]
