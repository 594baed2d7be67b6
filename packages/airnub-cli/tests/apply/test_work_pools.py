"""Work pools and queues."""

import pytest

from airnub_cli.prefect_api import BackendError
from airnub_prefect.errors import ConfigurationError

COMMON = 'job_variables:\n  networks: ["${NETWORK:-airnub}"]\n  mem_limit: 512m\n  env: {A: "${URL}", B: "2"}\n'


@pytest.fixture
def pool(filled_repository):
    """The repository with the shared file of Docker pools, and without files of other types."""
    filled_repository.write("infra/work-pools/_docker.yaml", COMMON)
    filled_repository.write("infra/work-pools/_process.yaml", "job_variables: {env: {LAPTOP: 'yes'}}\n")
    for folder in ("variables", "blocks", "automations"):
        (filled_repository.root / "configs" / folder).rename(filled_repository.root / folder)
    return filled_repository


def test_a_pool_is_merged_over_its_type(pool):
    """Its own values have precedence, mappings are merged, and placeholders are resolved."""
    [one] = pool.wanted(values={"URL": "http://server"}).pools
    assert one.job_variables == {
        "networks": ["airnub"],
        "mem_limit": "1g",
        "env": {"A": "http://server", "B": "2", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"},
    }
    assert one.heartbeat == 30


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_different_type_drops_job_variables(pool, way):
    """On a laptop the pool has the same name and queues, without the settings of containers."""
    pool.write("configs/environments/laptop.yaml", "description: x\nkind: process\n")
    wanted = pool.wanted(pool_type="process") if way == "option" else pool.wanted("laptop")
    [one] = wanted.pools
    assert (one.name, one.type, one.job_variables) == (pool.pool, "process", {"env": {"LAPTOP": "yes"}})
    assert [queue.name for queue in one.queues] == ["default", "urgent"]
    assert one.heartbeat == 180


def test_another_type_needs_its_file(filled_repository):
    """It is the only mistake: automations depend on the heartbeats in that file, but are not reported."""
    repository = filled_repository
    repository.write("infra/work-pools/stall.yaml", "name: stall\ntype: docker\n")
    with pytest.raises(ConfigurationError) as raised:
        repository.wanted(pool_type="kubernetes", values={"TOKEN": "x"})
    assert str(raised.value).partition("infra/")[2] == (
        "work-pools/_kubernetes.yaml: expected settings for kubernetes pools, the type of "
        f"{repository.pool}, stall here; found no such file"
    )


PODS = """\
job_variables: {namespace: shops, memory_limit: 1Gi}
job_manifest:
  spec:
    template:
      spec:
        volumes: [{name: data, persistentVolumeClaim: {claimName: "${CLAIM:-data}"}}]
"""


def test_pods_have_a_manifest(pool, server):
    """It is part of the template on the server, with resolved placeholders; a changed one is sent again."""
    file = pool.write("infra/work-pools/_kubernetes.yaml", PODS)
    actions = pool.actions(pool_type="kubernetes", values={"CLAIM": "ours"})
    assert actions[pool.pool] == "created"
    live = server.get(f"/work_pools/{pool.pool}")["base_job_template"]
    pod = live["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    assert pod["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "ours"}}]
    assert pod["containers"][0]["image"] == "{{ image }}"
    assert live["variables"]["properties"]["memory_limit"]["default"] == "1Gi"
    assert "networks" not in live["variables"]["properties"]
    assert pool.actions(pool_type="kubernetes", values={"CLAIM": "ours"})[pool.pool] == "unchanged"
    file.write_text(PODS.replace("name: data,", "name: more,"))
    assert pool.actions(pool_type="kubernetes", values={"CLAIM": "ours"})[pool.pool] == "updated"


def test_mistakes_of_a_manifest_have_their_lines(pool):
    """Unknown job variables, missing values, quantities of Docker, and a manifest of a process pool."""
    text = PODS.replace(":-data", "").replace("1Gi", "1g") + '        nodeName: "{{ node }}"\n'
    pool.write("infra/work-pools/_kubernetes.yaml", text)
    with pytest.raises(ConfigurationError) as raised:
        pool.wanted(pool_type="kubernetes")
    told = str(raised.value)
    assert "_kubernetes.yaml:1: memory_limit: expected a quantity of Kubernetes" in told
    assert "_kubernetes.yaml:6: expected CLAIM in the environment or in .env, found nothing" in told
    assert "_kubernetes.yaml:7: expected a job variable of a kubernetes pool in {{ }}, found 'node'" in told
    pool.write("infra/work-pools/_process.yaml", "job_manifest: {spec: {}}\n")
    with pytest.raises(ConfigurationError, match=r"_process.yaml:1: expected no job_manifest: a process pool has none"):
        pool.wanted(pool_type="process")


def test_mistakes_have_their_lines(pool):
    """Missing values, unknown job variables, a name that differs from the file's, and a reserved one."""
    pool.write("infra/work-pools/shop.yaml", "name: prefect-shop\ntype: docker\n")
    pool.write("infra/work-pools/stall.yaml", "name: stal\ntype: docker\njob_variables:\n  mem_limt: 1g\n")
    with pytest.raises(ConfigurationError) as raised:
        pool.wanted()
    told = str(raised.value)
    assert "_docker.yaml:4: expected URL in the environment or in .env, found nothing" in told
    assert "shop.yaml:1: name: expected a name that does not begin with `prefect`" in told
    assert "stall.yaml:1: expected the name of its file, found 'stal'" in told
    assert "stall.yaml:4: unknown job variable 'mem_limt' of a docker pool; did you mean 'mem_limit'?" in told


def test_heartbeats_that_prefect_rejects(pool):
    """Runs would not start with them."""
    file = pool.root / "infra" / "work-pools" / f"{pool.pool}.yaml"
    file.write_text(file.read_text().replace('"30"', '"15"'))
    with pytest.raises(ConfigurationError, match=r"yaml:6: env.PREFECT_FLOWS_HEARTBEAT_FREQUENCY: expected 30 seconds"):
        pool.wanted(values={"URL": "x"})


def test_a_file_of_an_unknown_type(pool):
    """It would be ignored."""
    pool.write("infra/work-pools/_dcoker.yaml", "job_variables: {}\n")
    with pytest.raises(ConfigurationError, match=r"_dcoker.yaml:1: missing key 'name'"):
        pool.wanted(values={"URL": "x"})


def test_created_then_unchanged_then_only_what_changed(pool, server):
    """The second run sends nothing; a changed file changes one place of the template."""
    values = {"URL": "http://server"}
    names = [pool.pool, f"{pool.pool}/default", f"{pool.pool}/urgent"]
    assert pool.actions(values=values) == dict.fromkeys(names, "created")
    live = server.get(f"/work_pools/{pool.pool}")
    assert live["base_job_template"]["variables"]["properties"]["mem_limit"]["default"] == "1g"
    queues = {one["name"]: one["priority"] for one in server.all(f"/work_pools/{pool.pool}/queues/filter")}
    assert queues == {"default": 2, "urgent": 1}
    assert pool.actions(values=values) == dict.fromkeys(names, "unchanged")
    changed = pool.apply(values={"URL": "http://other"})
    assert changed["work pool", pool.pool].different == ("env.A",)
    assert {change.action.value for (kind, _), change in changed.items() if kind == "work queue"} == {"unchanged"}


def test_pauses_and_limits_of_operators_are_kept(pool, server):
    """Those of pools and queues, also when the file changes; the output lists them."""
    values = {"URL": "http://server"}
    pool.apply(values=values)
    server.patch(f"/work_pools/{pool.pool}", {"is_paused": True, "concurrency_limit": 3})
    server.patch(f"/work_pools/{pool.pool}/queues/urgent", {"is_paused": True, "concurrency_limit": 2})
    same = pool.apply(values=values)
    assert same["work pool", pool.pool].kept == ("paused", "limit 3")
    assert {change.action.value for change in same.values()} == {"unchanged"}
    file = pool.root / "infra" / "work-pools" / f"{pool.pool}.yaml"
    file.write_text(file.read_text().replace("1g", "2g").replace("{name: urgent,", "{name: urgent, description: Now,"))
    changed = pool.apply(values=values)
    assert changed["work pool", pool.pool].different == ("mem_limit",)
    assert changed["work queue", f"{pool.pool}/urgent"].different == ("description",)
    live = server.get(f"/work_pools/{pool.pool}")
    queue = server.get(f"/work_pools/{pool.pool}/queues/urgent")
    assert (live["is_paused"], live["concurrency_limit"]) == (True, 3)
    assert (queue["is_paused"], queue["concurrency_limit"], queue["description"]) == (True, 2, "Now")


def test_a_limit_of_a_file_is_for_new_pools(pool, server):
    """Afterwards operators decide."""
    file = pool.root / "infra" / "work-pools" / f"{pool.pool}.yaml"
    file.write_text("concurrency_limit: 5\n" + file.read_text())
    pool.apply(values={"URL": "x"})
    assert server.get(f"/work_pools/{pool.pool}")["concurrency_limit"] == 5
    server.patch(f"/work_pools/{pool.pool}", {"concurrency_limit": None})
    assert set(pool.actions(values={"URL": "x"}).values()) == {"unchanged"}
    assert server.get(f"/work_pools/{pool.pool}")["concurrency_limit"] is None


def test_a_pool_of_another_type_is_refused(pool, server):
    """Prefect cannot change it, and nothing is sent."""
    pool.apply(values={"URL": "x"})
    with pytest.raises(BackendError, match=rf"{pool.pool} to be of type process, found type docker") as raised:
        pool.apply(pool_type="process")
    assert "keep this type with `--pools docker`" in str(raised.value)
    assert server.get(f"/work_pools/{pool.pool}")["type"] == "docker"


CREDENTIALS = """\
type: docker-registry-credentials
name: {name}
fields: {{username: airnub, password: "${{PASSWORD}}", registry_url: registry.example.org}}
"""


def test_images_of_a_private_registry(pool, server):
    """The pool refers to the block of its environment, without its password; in other environments it has none."""
    name = f"registry-{pool.unique}"
    reference = f"docker-registry-credentials/{name}"
    pool.write("configs/environments/private.yaml", f"description: x\nregistry_credentials: {reference}\n")
    values = {"URL": "x", "PASSWORD": "hunter2"}
    with pytest.raises(
        ConfigurationError, match=rf"private\.yaml: registry_credentials: expected the block {reference}"
    ):
        pool.apply("private", values=values)
    pool.write("configs/blocks/registry.yaml", CREDENTIALS.format(name=name))
    assert pool.actions("private", values=values)[pool.pool] == "created"
    assert pool.actions("private", values=values)[pool.pool] == "unchanged"
    block = server.get(f"/block_types/slug/docker-registry-credentials/block_documents/name/{name}")
    template = server.get(f"/work_pools/{pool.pool}")["base_job_template"]
    default = template["variables"]["properties"]["registry_credentials"]["default"]
    assert default == {"$ref": {"block_document_id": block["id"]}}
    assert "hunter2" not in str(template)
    assert pool.apply(values=values)["work pool", pool.pool].different == ("registry_credentials",)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("kubernetes", "registry_credentials: expected only with Docker pools; in a cluster the Secret"),
        ("process", None),
    ],
)
def test_only_docker_pools_pull_by_a_block(pool, kind, expected):
    """A cluster has a Secret for it; a process has no image."""
    pool.write("infra/work-pools/_kubernetes.yaml", "job_variables: {}\n")
    text = f"description: x\nkind: {kind}\nregistry_credentials: docker-registry-credentials/registry\n"
    pool.write("configs/environments/private.yaml", text)
    if expected is None:
        assert pool.wanted("private").pools[0].registry_credentials is None
    else:
        with pytest.raises(ConfigurationError, match=expected):
            pool.wanted("private")
