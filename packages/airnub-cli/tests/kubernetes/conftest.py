"""A checkout with departments and manifests of its own."""

import pytest

from airnub_cli.workspace import Workspace

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
