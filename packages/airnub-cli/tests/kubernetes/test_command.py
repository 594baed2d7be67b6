"""The command `airnub kubernetes`."""

import pytest
import yaml
from click.testing import CliRunner

from airnub_cli.__main__ import main


@pytest.fixture
def run(cluster, monkeypatch):
    """Type it in the checkout; images there have no registry, so that nothing is asked for their content."""
    file = cluster.root / "configs/environments/cluster.yaml"
    file.write_text(file.read_text().replace("registry: example.org/r\n", ""))
    monkeypatch.chdir(cluster.root)
    monkeypatch.delenv("AIRNUB_NAMESPACE", raising=False)
    return lambda *arguments: CliRunner().invoke(main, ["kubernetes", *arguments])


def kinds(output):
    """What is in a stream."""
    return [one["metadata"]["name"] for one in yaml.safe_load_all(output)]


def test_manifests_go_to_stdout(run):
    """And nothing else, for `kubectl apply` reads it."""
    result = run("--env", "cluster")
    assert result.exit_code == 0
    assert kinds(result.stdout)[-3:] == ["server", "worker-shop", "worker-big-store"]
    assert result.stderr == ""


def test_without_a_server(run):
    """It is elsewhere."""
    assert "server" not in kinds(run("--env", "cluster", "--no-server").stdout)


def test_settings_come_from_the_env_file(run, cluster):
    """As for `airnub apply`, which says the same namespace to the pools."""
    (cluster.root / ".env").write_text("AIRNUB_NAMESPACE=other\n")
    assert "namespace: 'other'" in run("--env", "cluster").stdout


def test_a_mistake_is_told_on_stderr(run):
    """With 2, and an empty stdout."""
    result = run("--env", "near")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "expected kubernetes, found none" in result.stderr
