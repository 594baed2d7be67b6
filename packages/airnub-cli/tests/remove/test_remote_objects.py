"""Objects of a department on the Prefect server."""

import uuid

import pytest

from airnub_cli.configuration.registry import Names
from airnub_cli.prefect_api import prefect_server
from airnub_cli.remove.remote_objects import RemoteObjects, delete, remote_objects


@pytest.fixture
def server(prefect_api):
    """The API of the server of the tests."""
    with prefect_server() as running:
        yield running


def test_all_of_it_is_found_and_deleted_and_nothing_else(server):
    """Objects of other departments are kept; the second time there is nothing to do."""
    unique = uuid.uuid4().hex[:10]
    ours, theirs = Names(f"zoo_{unique}"), Names(f"zoo_{unique}_more")
    for names in (ours, theirs):
        pool = {"name": names.slug, "type": "process", "base_job_template": {}}
        server.post("/work_pools/", pool)
        server.post("/variables/", {"name": f"dept_{names.module}_ingestion_config", "value": 1, "tags": []})
        flow = server.post("/flows/", {"name": names.slug})
        tags = ["airnub", f"department:{names.module}"]
        deployment = {"name": f"{names.slug}-ingestion", "flow_id": flow["id"], "work_pool_name": names.slug}
        server.post("/deployments/", deployment | {"tags": tags})
        trigger = {"type": "event", "posture": "Reactive", "expect": [f"x.{names.slug}"], "threshold": 1, "within": 0}
        actions = [{"type": "do-nothing"}]
        for name in ("tell-contacts-of", "late-runs"):
            automation = {"name": f"{name}-{names.slug}", "trigger": trigger, "actions": actions, "tags": tags}
            server.post("/automations/", automation)
    held = remote_objects(server, ours, ["ingestion", "analysis"])
    assert held.lines() == [
        f"deployment {ours.slug}-ingestion, with the automations of its triggers",
        f"variable dept_{ours.module}_ingestion_config",
        f"automation late-runs-{ours.slug}",
        f"automation tell-contacts-of-{ours.slug}",
        f"work pool {ours.slug}, with its queues",
    ]
    delete(server, held)
    delete(server, held)
    assert remote_objects(server, ours, ["ingestion"]) == RemoteObjects((), (), (), None)
    assert len(remote_objects(server, theirs, ["ingestion"]).lines()) == 5


def test_a_pool_that_others_deploy_to_stays(server):
    """Even if it has the department's name."""
    names = Names(f"zoo_{uuid.uuid4().hex[:10]}")
    server.post("/work_pools/", {"name": names.slug, "type": "process", "base_job_template": {}})
    flow = server.post("/flows/", {"name": names.slug})
    server.post("/deployments/", {"name": "other", "flow_id": flow["id"], "work_pool_name": names.slug, "tags": ["x"]})
    assert remote_objects(server, names, []).pool is None
