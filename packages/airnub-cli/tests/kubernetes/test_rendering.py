"""Manifests of an environment."""

import pytest
import yaml

from airnub_cli.kubernetes.rendering import manifests
from airnub_prefect.errors import ConfigurationError


def digest(image):
    """As `airnub images` would say it."""
    assert image == "prefect-kubernetes"
    return "0123456789abcdef"


def rendered(workspace, environment="cluster", values=None, **options):
    """The manifests, by name, in their order."""
    text = manifests(workspace, environment, values or {}, digest=digest, **options)
    return {one["metadata"]["name"]: one for one in yaml.safe_load_all(text)}


def test_every_active_department_has_a_worker(cluster):
    """Of one text, after all that is there once; a retired one has none, and secrets are not among them."""
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
    """The worker polls the pool that the runs go to."""
    file = cluster.root / "configs/environments/cluster.yaml"
    file.write_text(file.read_text() + "pools: {shop: {name: large}, big-store: {job_variables: {}}}\n")
    assert list(rendered(cluster, server=False)) == [
        "namespace", "quota", "access", "network", "data", "worker-large", "worker-big-store"
    ]  # fmt: skip


def test_images_are_named_by_their_content(cluster):
    """Where there is a registry; else they are those that were built here."""
    assert rendered(cluster)["worker-shop"]["spec"]["image"] == "example.org/r/prefect-kubernetes:0123456789abcdef"
    file = cluster.root / "configs/environments/cluster.yaml"
    file.write_text(file.read_text().replace("registry: example.org/r\n", ""))
    assert rendered(cluster)["worker-shop"]["spec"]["image"] == "airnub/prefect-kubernetes:local"


def test_placeholders_are_filled(cluster):
    """From the environment, or by their default; comments stay."""
    assert rendered(cluster)["data"]["metadata"]["namespace"] == "airnub"
    assert rendered(cluster, values={"AIRNUB_NAMESPACE": "other"})["data"]["metadata"]["namespace"] == "other"
    assert "# One text." in manifests(cluster, "cluster", {}, digest=digest)


def test_what_has_no_value_is_named_once_with_its_line(cluster):
    """All of them; two workers of one text do not say it twice."""
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


def test_an_environment_of_another_kind(cluster):
    """Its pools would wait for a worker for ever."""
    with pytest.raises(ConfigurationError, match=r"near.yaml: kind: expected kubernetes, found none"):
        rendered(cluster, "near")


def test_an_unknown_environment(cluster):
    """The error says which there are."""
    with pytest.raises(ConfigurationError, match="found 'clustr'; did you mean 'cluster'"):
        rendered(cluster, "clustr")
