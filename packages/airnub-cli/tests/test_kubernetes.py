"""`airnub kubernetes`: the manifests of an environment."""

import pytest
import yaml
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.kubernetes import manifests
from airnub_cli.workspace import Workspace
from airnub_prefect.errors import ConfigurationError

SHARED = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: '${{AIRNUB_NAMESPACE:-airnub}}'}}\n"
FILES = {
    "pyproject.toml": '[project]\nname = "root"\nversion = "0"\n[tool.uv.workspace]\nmembers = ["departments/*"]\n',
    "configs/departments.yaml": (
        "departments:\n"
        "  - {id: shop, display_name: S, owner: o, contacts: [a@b.org], status: active}\n"
        "  - {id: big_store, display_name: S, owner: o, contacts: [a@b.org], status: active}\n"
        "  - {id: market, display_name: M, owner: o, contacts: [a@b.org], status: retired}\n"
    ),
    "configs/environments/cluster.yaml": "description: Pods.\nkind: kubernetes\nregistry: example.org/r\n",
    "configs/environments/near.yaml": "description: Containers.\n",
    "infra/kubernetes/worker.yaml": (
        "# One text.\napiVersion: v1\nkind: Pod\n"
        "metadata: {name: 'worker-${AIRNUB_POOL}'}\nspec: {image: '${AIRNUB_IMAGE}'}\n"
    ),
    "infra/kubernetes/secrets.example.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: secret}\n",
}
FILES |= {
    f"infra/kubernetes/{name}.yaml": SHARED.format(name=name)
    for name in ("namespace", "quota", "access", "network", "data", "server")
}


@pytest.fixture
def cluster(tmp_path):
    """The workspace."""
    for path, text in FILES.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Workspace.around(tmp_path)


def digest(image):
    """The digest of an image."""
    assert image == "prefect-kubernetes"
    return "0123456789abcdef"


def rendered(workspace, environment="cluster", values=None, **options):
    """The manifests, by name, in order."""
    text = manifests(workspace, environment, values or {}, digest=digest, **options)
    return {one["metadata"]["name"]: one for one in yaml.safe_load_all(text)}


def test_every_active_department_has_a_worker(cluster):
    """Rendered from one file, after the shared manifests; retired ones have none, and there are no secrets."""
    found = rendered(cluster)
    assert list(found) == [
        "namespace",
        "quota",
        "access",
        "network",
        "data",
        "server",
        "worker-shop",
        "worker-big-store",
    ]


def test_a_pool_that_the_environment_renames(cluster):
    """The worker polls the renamed pool."""
    file = cluster.root / "configs/environments/cluster.yaml"
    file.write_text(file.read_text() + "pools: {shop: {name: large}, big-store: {job_variables: {}}}\n")
    assert list(rendered(cluster, server=False)) == [
        "namespace", "quota", "access", "network", "data", "worker-large", "worker-big-store"
    ]  # fmt: skip


def test_images_are_named_by_their_content(cluster):
    """With a registry; else they are those that were built locally."""
    assert rendered(cluster)["worker-shop"]["spec"]["image"] == "example.org/r/prefect-kubernetes:0123456789abcdef"
    file = cluster.root / "configs/environments/cluster.yaml"
    file.write_text(file.read_text().replace("registry: example.org/r\n", ""))
    assert rendered(cluster)["worker-shop"]["spec"]["image"] == "airnub/prefect-kubernetes:local"


def test_placeholders_are_filled(cluster):
    """From the environment, or by their default; comments are kept."""
    assert rendered(cluster)["data"]["metadata"]["namespace"] == "airnub"
    assert rendered(cluster, values={"AIRNUB_NAMESPACE": "other"})["data"]["metadata"]["namespace"] == "other"
    assert "# One text." in manifests(cluster, "cluster", {}, digest=digest)


def test_missing_values_are_reported_once_with_their_lines(cluster):
    """All of them; two workers from one file do not repeat them."""
    file = cluster.root / "infra/kubernetes/worker.yaml"
    file.write_text(file.read_text() + "nodeSelector: {zone: '${ZONE}'}\n")
    file = cluster.root / "infra/kubernetes/data.yaml"
    file.write_text("size: ${SIZE}\n")
    with pytest.raises(ConfigurationError) as raised:
        rendered(cluster)
    data, worker = map(str, raised.value.mistakes)
    assert data.endswith(
        "data.yaml:1: expected SIZE in the environment or in .env, found nothing; or write ${SIZE:-default}"
    )
    assert "worker.yaml:6: expected ZONE" in worker


def test_an_environment_of_a_different_kind(cluster):
    """Its pools would never get a worker."""
    with pytest.raises(ConfigurationError, match=r"near.yaml: kind: expected kubernetes, found none"):
        rendered(cluster, "near")


def test_an_unknown_environment(cluster):
    """The error lists the known ones."""
    with pytest.raises(ConfigurationError, match="found 'clustr'; did you mean 'cluster'"):
        rendered(cluster, "clustr")


@pytest.fixture
def run(cluster, monkeypatch):
    """Run the command in the checkout, without a registry, so that no digest is looked up."""
    file = cluster.root / "configs/environments/cluster.yaml"
    file.write_text(file.read_text().replace("registry: example.org/r\n", ""))
    monkeypatch.chdir(cluster.root)
    monkeypatch.delenv("AIRNUB_NAMESPACE", raising=False)
    return lambda *arguments: CliRunner().invoke(main, ["kubernetes", *arguments])


def kinds(output):
    """The kinds of the manifests in a stream."""
    return [one["metadata"]["name"] for one in yaml.safe_load_all(output)]


def test_manifests_go_to_stdout(run):
    """And nothing else, since `kubectl apply` reads it."""
    result = run("--env", "cluster")
    assert result.exit_code == 0
    assert kinds(result.stdout)[-3:] == ["server", "worker-shop", "worker-big-store"]
    assert result.stderr == ""


def test_without_a_server(run):
    """It runs elsewhere."""
    assert "server" not in kinds(run("--env", "cluster", "--no-server").stdout)


def test_settings_come_from_the_env_file(run, cluster):
    """Like those of `airnub apply`, so that pools have the same namespace."""
    (cluster.root / ".env").write_text("AIRNUB_NAMESPACE=other\n")
    assert "namespace: 'other'" in run("--env", "cluster").stdout


def test_a_mistake_is_reported_on_stderr(run):
    """With status 2, and an empty stdout."""
    result = run("--env", "near")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "expected kubernetes, found none" in result.stderr
