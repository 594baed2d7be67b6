"""Parts: what each process is told."""

import pytest

from airnub_cli.dev.services import Services
from airnub_cli.dev.state import StateFolder


@pytest.fixture
def plan(tmp_path):
    """Of a small repository with the sample site, with its state elsewhere."""
    registry = tmp_path / "checkout" / "configs" / "departments.yaml"
    registry.parent.mkdir(parents=True)
    registry.write_text(
        "departments:\n- {id: shop, display_name: Shop, owner: team-shop, contacts: [a@b], status: active}\n"
        "- {id: closed, display_name: Closed, owner: team-shop, contacts: [a@b], status: retired}\n"
    )
    return Services(tmp_path / "checkout", StateFolder(tmp_path), port=4321, drain_seconds=3, site_port=8765)


def test_all_parts_know_each_other(plan):
    """The server, the site, and where data goes."""
    for part in (plan.server(3), plan.site(), plan.deployer(), plan.worker("shop")):
        assert part.environment["PREFECT_API_URL"] == "http://127.0.0.1:4321/api"
        assert part.environment["AIRNUB_SITE_URL"] == "http://127.0.0.1:8765"
        assert part.environment["AIRNUB_DATA_ROOT"] == str(plan.state.folder)
        assert part.folder == plan.state.folder


def test_the_sample_site_is_asked_only_if_it_is_served(plan):
    """Then the environment is `sample`; else `local`, which replaces no sources, and nothing names a site."""
    assert plan.site().command[-2:] == ("127.0.0.1", "8765")
    assert plan.deployer().command[-1] == "sample"
    own = Services(plan.root, plan.state, port=4321, drain_seconds=3)
    assert own.deployer().command[-1] == "local"
    assert "AIRNUB_SITE_URL" not in own.deployer().environment


def test_what_is_set_for_another_prefect_leads_nobody_away(plan, monkeypatch):
    """Only how much is logged is kept."""
    monkeypatch.setenv("PREFECT_API_KEY", "of-another")
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "sqlite+aiosqlite:///elsewhere.db")
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    environment = plan.server(3).environment
    assert "PREFECT_API_KEY" not in environment
    assert "PREFECT_SERVER_DATABASE_CONNECTION_URL" not in environment
    assert environment["PREFECT_LOGGING_LEVEL"] == "DEBUG"


def test_a_worker_has_longer_than_its_runs(plan):
    """Else it would be killed while it waits for them; and only a worker is started again."""
    worker = plan.worker("shop")
    assert worker.patience > plan.drain_seconds
    assert worker.may_return
    assert not any(part.may_return for part in (plan.server(3), plan.site(), plan.deployer()))


def test_there_is_a_worker_for_each_pool_of_a_deployment(plan):
    """As they were compiled."""
    plan.state.compiled.write_text(
        "deployments:\n- {name: a, work_pool: {name: x}}\n- {name: b, work_pool: {name: y}}\n"
        "- {name: c, work_pool: {name: x}}\n"
    )
    assert plan.pools() == ["x", "y"]
