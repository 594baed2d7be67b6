"""infra/kubernetes/ and the Kubernetes pools, without a cluster: validated by Kubernetes' published schemas."""

import copy
import ipaddress
import json
import os
import re
import subprocess
from functools import lru_cache
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils
from kubernetes_validate.utils import all_versions
from prefect.settings.models.server.database import SQLAlchemyTLSSettings

from airnub_cli import kubernetes
from airnub_cli.apply.desired_state import read_desired_state
from airnub_cli.configuration.pools import base_job_template
from airnub_cli.configuration.registry import load_registry
from airnub_cli.workspace import Workspace
from airnub_prefect.yaml_file import read_yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / kubernetes.FOLDER
DEPARTMENTS = [one.id.replace("_", "-") for one in load_registry(ROOT).departments if one.status == "active"]
SECRETS = list(yaml.safe_load_all((FOLDER / "secrets.example.yaml").read_text()))
VERSIONS = list(dict.fromkeys(all_versions()))
# prefect-kubernetes requires these fields in the pod, although Kubernetes does not know and drops them.
DROPPED = ("completions", "parallelism")
QUANTITY = re.compile(r"[0-9]+(m|[KMGT]i)?")
# Without this, each validation reads all definitions of its version again, which is the slowest part.
utils.schema_contents = lru_cache(maxsize=8)(utils.schema_contents)


@pytest.fixture(scope="module")
def manifests():
    """All objects that `airnub kubernetes --env cluster` prints, by kind and name."""
    text = kubernetes.manifests(Workspace.around(ROOT), "cluster", {}, digest=lambda *_: "0123456789abcdef")
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def pools():
    """The Kubernetes pools, by name."""
    return {pool.name: pool for pool in read_desired_state(ROOT, "cluster", values={}).pools}


def validated(manifest, version="1.34"):
    """Reject what Kubernetes would reject, and unknown fields, which it would drop silently."""
    kubernetes_validate.validate(manifest, version, strict=True)


def test_every_active_department_has_its_worker_and_its_pool(manifests, pools):
    """There are no other workers or pools."""
    workers = {name for kind, name in manifests if kind == "Deployment" and name != "server"}
    assert workers == {f"worker-{name}" for name in DEPARTMENTS}
    for name in DEPARTMENTS:
        [container] = manifests["Deployment", f"worker-{name}"]["spec"]["template"]["spec"]["containers"]
        assert container["args"][container["args"].index("--pool") + 1] == name
        assert pools[name].type == "kubernetes"


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_fit_the_published_schemas(manifests, version):
    """For every version of Kubernetes with a schema."""
    for manifest in [*manifests.values(), *SECRETS]:
        validated(manifest, version)


def test_files_say_nothing_twice():
    """YAML would silently use the last of two equal keys, so every file of one object is read strictly."""
    for path in FOLDER.glob("*.yaml"):
        for text in path.read_text().split("---\n"):
            lines = re.findall(r"^( *)([\w.-]+):", text, re.MULTILINE)
            top = [name for indent, name in lines if not indent]
            assert len(top) == len(set(top)), path
    assert read_yaml(ROOT / "infra" / "work-pools" / "_kubernetes.yaml").mistakes == []


def _set(path, value):
    """Change a manifest: set the value at a dotted path, or remove it with `None`."""

    def change(manifest):
        *parents, last = (int(step) if step.isdigit() else step for step in path.split("/"))
        target = manifest
        for step in parents:
            target = target[step]
        if value is None:
            del target[last]
        else:
            target[last] = value

    return change


POD = "spec/template/spec"
BROKEN = {
    "a number as text": (_set("spec/replicas", "1"), "'1' is not of type 'integer'"),
    "text as a number": (_set(f"{POD}/containers/0/args/0", 1), "1 is not of type 'string'"),
    "a list as a mapping": (_set(f"{POD}/containers", {"name": "worker"}), "is not of type 'array'"),
    "an unknown field": (_set("spec/replica", 1), r"'replica' was unexpected"),
    "a field in the wrong place": (_set(f"{POD}/allowPrivilegeEscalation", False), "'allowPrivilegeEscalation' was un"),
    "a misspelt field deep inside": (
        _set(f"{POD}/containers/0/securityContext/runAsNonRot", True), "'runAsNonRot' was unexpected"
    ),
    "a missing field": (_set(f"{POD}/containers/0/name", None), "'name' is a required property"),
    "a missing selector": (_set("spec/selector", None), "'selector' is a required property"),
}  # fmt: skip


@pytest.mark.example
@pytest.mark.parametrize("name", BROKEN)
def test_broken_manifests_are_refused(manifests, name):
    """Each error names the cause."""
    change, reason = BROKEN[name]
    broken = copy.deepcopy(manifests["Deployment", f"worker-{DEPARTMENTS[0]}"])
    validated(broken)
    change(broken)
    with pytest.raises(kubernetes_validate.ValidationError, match=reason):
        validated(broken)


@pytest.mark.parametrize(
    ("kind", "name", "version"),
    [
        ("Deployment", "server", "apps/v1beta1"),
        ("Deployment", "server", "v1"),
        ("Role", "airnub-worker", "rbac.authorization.k8s.io/v1beta1"),
        ("NetworkPolicy", "runs-go-out", "extensions/v1beta1"),
    ],
)
def test_versions_that_there_are_not_are_refused(manifests, kind, name, version):
    """Versions that were removed, and versions of other kinds."""
    with pytest.raises(kubernetes_validate.SchemaNotFoundError) as raised:
        validated(manifests[kind, name] | {"apiVersion": version})
    assert f"kind {kind} with api version {version}" in raised.value.message


def test_a_group_that_there_is_not_is_refused(manifests):
    """An unknown group with a version that other groups have."""
    with pytest.raises(kubernetes_validate.ValidationError, match="is not one of"):
        validated(manifests["Deployment", "server"] | {"apiVersion": "apps.example.org/v1"})


def _templates(manifests):
    """The pod templates of all Deployments, by name."""
    return {name: one["spec"]["template"]["spec"] for (kind, name), one in manifests.items() if kind == "Deployment"}


def _restricted(pod):
    """Check the rules of pod-security.kubernetes.io/enforce: restricted, and for a read-only root file system."""
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}
        }  # fmt: skip
        assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]
    assert not any("hostPath" in volume for volume in pod["volumes"])


def test_pods_can_do_little(manifests):
    """They do not run as root and use nothing of the node; only workers have a token."""
    for name, pod in _templates(manifests).items():
        _restricted(pod)
        assert pod["serviceAccountName"] == ("airnub-run" if name == "server" else "airnub-worker")
        assert pod.get("automountServiceAccountToken", True) is (name != "server")
        for container in pod["containers"]:
            assert QUANTITY.fullmatch(container["resources"]["limits"]["memory"])
            assert all(QUANTITY.fullmatch(one) for one in container["resources"]["requests"].values())
            assert container["imagePullPolicy"] == "IfNotPresent"
            assert container["image"] == "registry.example.org/airnub/prefect-kubernetes:0123456789abcdef"


METADATA = (
    "169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200", "fd00:ec2::254",
    "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fe80::a9fe:a9fe",
)  # fmt: skip
"""Where clouds hand out the rights of a machine: AWS, its containers and pods, Azure, Alibaba, and those of IPv6."""


def test_no_pod_reaches_the_rights_of_its_machine(manifests):
    """Every egress rule excludes metadata endpoints; a policy applies to every kind of pod."""
    policies = {name: one["spec"] for (kind, name), one in manifests.items() if kind == "NetworkPolicy"}
    out = [rule for spec in policies.values() if "Egress" in spec["policyTypes"] for rule in spec["egress"]]
    blocks = [to["ipBlock"] for rule in out for to in rule["to"] if "ipBlock" in to]
    assert len(blocks) >= 6
    for block in blocks:
        whole = ipaddress.ip_network(block["cidr"])
        left_out = [ipaddress.ip_network(one) for one in block.get("except", ())]
        for address in map(ipaddress.ip_address, METADATA):
            reached = address in whole and not any(address in one for one in left_out)
            assert not reached, f"{address} by {block}"
    assert {} in [spec["podSelector"] for spec in policies.values() if spec["policyTypes"] == ["Egress"]]
    assert [rule for rule in policies["runs-go-out"]["egress"] for to in rule["to"] if "ipBlock" not in to] == []


def test_drains_of_nodes_are_bounded(manifests):
    """A drain stops one worker at a time, and waits for the server; each budget selects existing pods."""
    budgets = {name: one["spec"] for (kind, name), one in manifests.items() if kind == "PodDisruptionBudget"}
    assert {name: one["maxUnavailable"] for name, one in budgets.items()} == {
        "server": 0, **{f"worker-{name}": 1 for name in DEPARTMENTS}
    }  # fmt: skip
    for name, one in budgets.items():
        labels = manifests["Deployment", name]["spec"]["template"]["metadata"]["labels"]
        assert one["selector"]["matchLabels"].items() <= labels.items()


def test_a_worker_is_ready_when_it_polls(manifests):
    """Otherwise a new worker that does not find its pool would replace a working one."""
    for name in DEPARTMENTS:
        [container] = manifests["Deployment", f"worker-{name}"]["spec"]["template"]["spec"]["containers"]
        assert container["readinessProbe"]["httpGet"] == container["livenessProbe"]["httpGet"]


@pytest.mark.example
def test_the_namespace_is_bounded(manifests, pools):
    """Pods, CPU and memory are limited; one run of each pool fits, and each pool limits its runs."""
    hard = manifests["ResourceQuota", "airnub"]["spec"]["hard"]
    assert set(hard) == {"pods", "requests.cpu", "requests.memory", "limits.memory"}
    assert all(QUANTITY.fullmatch(one) for one in hard.values())
    assert {pool.concurrency_limit for pool in pools.values()} == {4}


def test_the_database_is_reached_by_tls(manifests):
    """Verified by the CA in the Secret, unless TLS is switched off."""
    [container] = manifests["Deployment", "server"]["spec"]["template"]["spec"]["containers"]
    given = {one["name"]: one.get("value") for one in container["env"]}
    tls = "PREFECT_SERVER_DATABASE_SQLALCHEMY_CONNECT_ARGS_TLS"
    assert given[f"{tls}_ENABLED"] == "true"
    folder, _, file = given[f"{tls}_CA_FILE"].rpartition("/")
    assert {"name": "database", "mountPath": folder, "readOnly": True} in container["volumeMounts"]
    assert file == "ca.crt"
    assert SQLAlchemyTLSSettings.model_fields.keys() >= {"enabled", "ca_file"}


def test_secrets_are_in_the_namespace_that_is_asked_for(manifests):
    """The example has no namespace, so that `kubectl --namespace` sets it."""
    names = ["airnub-api", "airnub-database", "airnub-registry"]
    assert [one["metadata"] for one in SECRETS] == [{"name": name} for name in names]


def test_only_workers_have_rights(manifests):
    """Only in this namespace, and neither to read secrets nor to exec into pods."""
    assert {kind for kind, _ in manifests} & {"ClusterRole", "ClusterRoleBinding"} == set()
    rights = {
        (group, resource, verb)
        for rule in manifests["Role", "airnub-worker"]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert rights == {
        *(("batch", "jobs", verb) for verb in ("create", "delete", "get", "list", "watch")),
        *(("", "pods", verb) for verb in ("list", "watch")),
        ("", "pods/log", "get"),
    }
    [subject] = manifests["RoleBinding", "airnub-worker"]["subjects"]
    assert subject["name"] == "airnub-worker"


@pytest.mark.example
def test_what_is_asked_for_is_there(manifests, pools):
    """Referenced secrets, keys, accounts, claims and ports exist; a wrong name would keep a pod from starting."""
    secrets = {one["metadata"]["name"]: set(one["stringData"]) for one in SECRETS}
    claims = {name for kind, name in manifests if kind == "PersistentVolumeClaim"}
    accounts = {name for kind, name in manifests if kind == "ServiceAccount"}
    for name in accounts:
        # Every pod of the account pulls its image with it, pods of runs too.
        [pulls_by] = manifests["ServiceAccount", name]["imagePullSecrets"]
        assert ".dockerconfigjson" in secrets[pulls_by["name"]]
    for pod in (*_templates(manifests).values(), *(job(pool)["spec"]["template"]["spec"] for pool in pools.values())):
        assert pod["serviceAccountName"] in accounts
        mounted = [one["persistentVolumeClaim"] for one in pod["volumes"] if "persistentVolumeClaim" in one]
        assert {one["claimName"] for one in mounted} <= claims
        for one in (one["secret"] for one in pod["volumes"] if "secret" in one):
            assert {item["key"] for item in one["items"]} <= secrets[one["secretName"]]
        for container in pod["containers"]:
            assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
            for one in container["env"]:
                if "secretKeyRef" in one.get("valueFrom", {}):
                    reference = one["valueFrom"]["secretKeyRef"]
                    assert reference["key"] in secrets[reference["name"]]
            for one in container.get("envFrom", ()):
                assert one["secretRef"]["name"] in secrets
            ports = {one["name"] for one in container.get("ports", ())}
            probes = [probe for key, probe in container.items() if key.endswith("Probe")]
            assert {probe["httpGet"]["port"] for probe in probes} <= ports
    namespaces = {one["metadata"].get("namespace") for (kind, _), one in manifests.items() if kind != "Namespace"}
    assert namespaces == {"airnub"} == {pool.job_variables["namespace"] for pool in pools.values()}


def test_no_secret_is_in_a_file():
    """The example has none, and no other file contains a password."""
    for secret in SECRETS:
        for key, value in secret["stringData"].items():
            assert key in {"host", "port", "name", "user", "PREFECT_API_URL"} or value.endswith(
                ("CHANGE-ME", '"password": "CHANGE-ME"}}}')
            )
    assert not [path for path in FOLDER.iterdir() if "kind: Secret" in path.read_text() and "example" not in path.name]


def job(pool, **variables):
    """The manifest of a run's job, rendered from the template: placeholders filled, empty fields removed."""
    template = base_job_template(pool.type, pool.job_variables, pool.job_manifest)
    values = {
        name: one["default"] for name, one in template["variables"]["properties"].items() if "default" in one
    } | {"image": "registry.example.org/airnub/x:1", "name": "a-run"} | variables  # fmt: skip
    made = _filled(template["job_configuration"]["job_manifest"], values)
    [container] = made["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": name, "value": value} for name, value in container["env"].items()]
    return made


def _filled(value, values):
    if isinstance(value, dict):
        done = {key: _filled(one, values) for key, one in value.items()}
        return {key: one for key, one in done.items() if one is not None}
    if isinstance(value, list):
        return [_filled(one, values) for one in value]
    if isinstance(value, str) and (whole := re.fullmatch(r"\{\{ (\w+) \}\}", value)):
        return values.get(whole[1])
    return re.sub(r"\{\{ (\w+) \}\}", lambda match: values[match[1]], value) if isinstance(value, str) else value


def _as_kubernetes_takes_it(manifest):
    manifest = copy.deepcopy(manifest)
    for name in DROPPED:
        del manifest["spec"]["template"]["spec"][name]
    return manifest


@pytest.mark.parametrize("name", DEPARTMENTS)
def test_a_run_is_a_job_that_kubernetes_takes(pools, name):
    """With limits, without permissions and root, and with a deletion time; valid in every version with a schema."""
    made = _as_kubernetes_takes_it(job(pools[name], memory_limit="4Gi"))
    for version in VERSIONS:
        validated(made, version)
    assert (made["spec"]["backoffLimit"], made["spec"]["ttlSecondsAfterFinished"]) == (0, 3600)
    pod = made["spec"]["template"]["spec"]
    _restricted(pod)
    assert (pod["restartPolicy"], pod["automountServiceAccountToken"]) == ("Never", False)
    [container] = pod["containers"]
    assert container["resources"] == {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "4Gi"}}
    assert {one["name"]: one["value"] for one in container["env"]}["AIRNUB_DATA_ROOT"] == "/data"
    assert pools[name].heartbeat == 30


AS_THE_WORKER = """
import asyncio, json, sys, uuid
from prefect.client.schemas.objects import FlowRun
from prefect_kubernetes.worker import KubernetesWorker, KubernetesWorkerJobConfiguration

async def main():
    told = json.load(sys.stdin)
    made = await KubernetesWorkerJobConfiguration.from_template_and_values(told["template"], told["variables"])
    made.prepare_for_flow_run(FlowRun(flow_id=uuid.uuid4(), name="a-run"), worker_name="worker")
    known = KubernetesWorker.get_default_base_job_template()["variables"]["properties"]
    print(json.dumps({"job": made.job_manifest, "known": sorted(known)}))

asyncio.run(main())
"""


@pytest.mark.system
def test_the_worker_itself_makes_such_a_job(pools, tmp_path):
    """By the locked version of prefect-kubernetes, which is only installed in the workers' image."""
    pool = pools[DEPARTMENTS[0]]
    template = base_job_template(pool.type, pool.job_variables, pool.job_manifest)
    told = {"template": template, "variables": {"image": "registry.example.org/airnub/x:1", "memory_limit": "4Gi"}}
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "VIRTUAL_ENV"))}
    settings |= {"PREFECT_HOME": str(tmp_path), "PREFECT_API_URL": "http://server:4200/api", "DO_NOT_TRACK": "1"}
    settings |= {"UV_PROJECT_ENVIRONMENT": str(tmp_path / "environment")}
    command = ["uv", "run", "--quiet", "--frozen", "--no-dev", "--package", "airnub-prefect", "--extra", "kubernetes"]
    done = subprocess.run(
        [*command, "python", "-W", "ignore", "-c", AS_THE_WORKER],
        input=json.dumps(told), capture_output=True, text=True, cwd=ROOT, env=settings, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert set(template["variables"]["properties"]) <= set(said["known"])
    made = _as_kubernetes_takes_it(said["job"])
    validated(made)
    ours = job(pool, memory_limit="4Gi")["spec"]["template"]["spec"]
    theirs = said["job"]["spec"]["template"]["spec"]
    assert {key: value for key, value in theirs.items() if key != "containers"} == {
        key: value for key, value in ours.items() if key != "containers"
    }
    [container] = theirs["containers"]
    assert container["args"] == ["prefect", "flow-run", "execute"]
    environment = {one["name"]: one["value"] for one in container["env"]}
    assert environment["PREFECT_API_URL"] == "http://server:4200/api"
    assert environment.items() >= pool.job_variables["env"].items()
