"""An index in SQLite on a network file system."""

import pytest

from airnub_cli.apply.desired_state import DesiredState
from airnub_cli.apply.variables import Variable
from airnub_cli.apply.work_pools import Pool
from airnub_cli.check.shared_index import VOLUME, shared_indexes


def found(root, settings, *, kind="kubernetes", mode="ReadWriteMany"):
    """What is said of a stage with those settings."""
    (root / VOLUME).parent.mkdir(parents=True, exist_ok=True)
    (root / VOLUME).write_text(f"kind: PersistentVolumeClaim\nspec:\n  accessModes: [{mode}]\n")
    variable = Variable("dept_shop_ingestion_config", settings, ("airnub", "department:shop", "stage:ingestion"))
    wanted = DesiredState("cluster", {}, [Pool("shop", kind, "", {}, (), None)], [variable], [], [], [])
    return list(shared_indexes(root, wanted))


@pytest.mark.parametrize("settings", [{"store": "data"}, {"store": "data", "index": None}])
def test_no_index_on_a_volume_of_many_nodes(tmp_path, settings):
    """The file, the environment and the volume are named."""
    [mistake] = found(tmp_path, settings)
    assert mistake.where == "configs/variables/shop/ingestion.yaml"
    assert "index: expected an index in PostgreSQL" in mistake.message
    assert "configs/environments/cluster.yaml" in mistake.message
    assert "infra/kubernetes/data.yaml is ReadWriteMany" in mistake.message


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        ({"store": "data", "index": {"block": "secret/index-url"}}, {}),
        ({"reports": "data"}, {}),
        ({"store": "data"}, {"kind": "docker"}),
        ({"store": "data"}, {"mode": "ReadWriteOnce"}),
    ],
)
def test_what_is_safe(tmp_path, settings, more):
    """An index in PostgreSQL, a stage without a store, a volume of one machine or node."""
    assert found(tmp_path, settings, **more) == []


def test_without_manifests(tmp_path):
    """A repository that removed them has its volume elsewhere."""
    wanted = DesiredState("cluster", {}, [Pool("shop", "kubernetes", "", {}, (), None)], [], [], [], [])
    assert list(shared_indexes(tmp_path, wanted)) == []
