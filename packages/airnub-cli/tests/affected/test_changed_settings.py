"""Changed settings, and the deployments that they affect."""

import pytest

ALPHA, BETA = {"alpha": "deployment"}, {"beta": "deployment"}
BOTH, NOBODY = ALPHA | BETA, {}
PRODUCTION, REGISTRY = "configs/environments/production.yaml", "configs/departments.yaml"


@pytest.mark.parametrize(
    ("path", "before", "after", "expected"),
    [
        (REGISTRY, "owner: team-a", "owner: team-z", ALPHA),
        (REGISTRY, "departments:\n", "departments:\n  - {id: gone, owner: x, status: retired}\n", NOBODY),
        (REGISTRY, "departments:\n", "# Who they are.\ndepartments:\n", NOBODY),
        (REGISTRY, "departments:\n", "more: 1\ndepartments:\n", BOTH),
        (REGISTRY, "departments:\n", "departments: [\n", BOTH),
        (PRODUCTION, "alpha-ingestion: 1", "alpha-ingestion: 2", ALPHA),
        (PRODUCTION, "limits: {alpha-ingestion: 1}\n", "", ALPHA),
        (PRODUCTION, "beta-ingestion/daily: true", "beta-ingestion/daily: false", BETA),
        (PRODUCTION, "schedules: {beta-ingestion/daily: true}", "schedules: false", BOTH),
        (PRODUCTION, "registry: r.example", "registry: s.example", BOTH),
        (PRODUCTION, "limits:", "pools: {pool-of-beta: {name: x}}\nlimits:", BETA),
        (PRODUCTION, "limits:", "variables: {alpha: {ingestion: {}}}\nlimits:", ALPHA),
        (PRODUCTION, "limits:", "variables: {nobody: {ingestion: {}}}\nlimits:", NOBODY),
        ("configs/variables/alpha/ingestion.yaml", "store", "stored", ALPHA),
        ("infra/work-pools/pool-of-alpha.yaml", "name", "description: x\nname", ALPHA),
        ("infra/work-pools/_docker.yaml", "{}", "{mem_limit: 1g}", BOTH),
        ("configs/automations/all.yaml", "airnub", "airnub # all", BOTH),
        ("configs/automations/one.yaml", "match", "expect", BETA),
        ("configs/blocks/lake.yaml", "value: 1", "value: 2", ALPHA),
        ("configs/blocks/other.yaml", "value: 1", "value: 2", BOTH),
        ("prefect.yaml", "paused: false\n", "paused: true\n", ALPHA),
        ("prefect.yaml", "name: beta-ingestion", "name: beta-other", BETA),
        ("prefect.yaml", "Made by", "Written by", NOBODY),
        ("prefect.yaml", "deployments:", "build: []\ndeployments:", BOTH),
    ],
)
def test_departments_that_a_change_affects(checkout, path, before, after, expected):
    """Departments with a changed name, or all if the setting has no name."""
    checkout.replace(path, before, after)
    assert checkout.affected() == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("configs/environments/staging.yaml", BOTH),
        ("configs/variables/gone/ingestion.yaml", NOBODY),
        ("configs/more.yaml", BOTH),
        ("configs/README.md", NOBODY),
        ("configs/variables/alpha/README.md", NOBODY),
        ("infra/work-pools/unused.yaml", NOBODY),
        ("infra/other/unknown.yaml", NOBODY),
    ],
)
def test_a_new_file(checkout, path, expected):
    """A new file is like one in which every key changed."""
    checkout.write(path, "description: x\n")
    assert checkout.affected() == expected


def test_a_removed_file(checkout):
    """It affects the departments that it named."""
    (checkout.root / "configs/variables/alpha/ingestion.yaml").unlink()
    (checkout.root / "configs/automations/one.yaml").unlink()
    assert checkout.affected() == BOTH


def test_the_reason_names_the_key(checkout):
    """The reason has the key too, not only the file."""
    checkout.replace(PRODUCTION, "alpha-ingestion: 1", "alpha-ingestion: 2")
    assert checkout.reasons("alpha") == [f"{PRODUCTION}: limits.alpha-ingestion → alpha"]
