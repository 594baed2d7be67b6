"""Stages that start when the run of the stage before has completed.
An index in SQLite on a network file system.
Configuration: in every environment.
"""

from pathlib import Path

import pytest

from airnub_cli.apply.desired_state import DesiredState
from airnub_cli.apply.variables import Variable
from airnub_cli.apply.work_pools import Pool
from airnub_cli.check.environments import (
    VOLUME,
    check_backend,
    check_stale,
    check_triggers,
    check_variables,
    shared_indexes,
)
from airnub_cli.check.runner import check_everything
from airnub_cli.compile.compilation import compile_environment
from airnub_cli.compile.prefect_yaml import read_source
from airnub_cli.compile.workspace_check import check_deployments

OLD = """\
    triggers:
      - name: {stage}-after
        type: event
        enabled: true
        match: {{prefect.resource.id: "prefect.flow-run.*"}}
        match_related: {{prefect.resource.role: deployment, prefect.resource.name: alpha-dept-{before}}}
        expect: [prefect.flow-run.Completed]
"""
NEW = """\
    triggers:
      - name: {stage}-after
        type: event
        enabled: true
        match: {{prefect.resource.id: "airnub.ingestion.alpha_dept", airnub.within: stage}}
        expect: [airnub.ingestion.ended]
"""


def deployments(form, *others):
    """A department's file: an ingestion, and stages that start by a trigger of this form."""
    text = "pull: []\ndeployments:\n  - name: alpha-dept-ingestion\n"
    for stage, before in (("processing", "ingestion"), ("analysis", "processing")):
        text += f"  - name: alpha-dept-{stage}\n" + form.format(stage=stage, before=before)
    return text + "".join(others)


@pytest.fixture
def warnings(tmp_path):
    """What is reported of such a file."""

    def look(text):
        path = tmp_path / "prefect.yaml"
        path.write_text(text)
        return list(check_triggers([read_source("alpha_dept", None, path)]))

    return look


def test_the_old_form_is_reported_once(warnings):
    """For all stages together, at the first trigger, with what brings the new one."""
    [found] = warnings(deployments(OLD))
    assert found.is_warning
    assert (Path(found.where).name, found.line) == ("prefect.yaml", 6)
    assert found.message.startswith("alpha-dept-processing and alpha-dept-analysis: expected the events")
    assert "`airnub template update`" in found.message


def test_other_triggers_are_not(warnings):
    """Events of the new form; and whatever else waits for a run, such as that of another department."""
    assert warnings(deployments(NEW)) == []
    other = OLD.format(stage="repair", before="repair").replace("alpha-dept-repair", "beta-dept-ingestion")
    assert warnings(deployments(NEW, "  - name: alpha-dept-repair\n", other)) == []
    assert warnings("deployments: 5\n") == []


def test_it_is_a_part_of_every_check(house):
    """A warning, beside whatever mistakes there are."""
    path = "departments/alpha_dept/prefect.yaml"
    house.write(path, (house.root / path).read_text() + OLD.format(stage="ingestion", before="processing"))
    found = [one for one in check_everything(house.root) if one.is_warning]
    assert [one.message.partition(":")[0] for one in found if "old form" in one.message] == ["alpha-dept-ingestion"]


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


def test_a_mistake_of_all_environments_is_told_once(house):
    """And one of some names them."""
    house.write(
        "configs/environments/far.yaml", "description: There.\nvariables: {alpha_dept: {ingestion: {dais: 1}}}\n"
    )
    house.write("configs/variables/beta_dept/ingestion.yaml", "dais: 2\n")
    found = house.told(check_backend(house.workspace))
    assert len(found) == 2
    assert "configs/environments/far.yaml:2: unknown key" in found[0]
    assert found[0].endswith("(in far)")
    assert found[1] == "configs/variables/beta_dept/ingestion.yaml:1: unknown key 'dais'; did you mean 'days'?"


def test_an_unreadable_environment_is_reported_without_its_name(house):
    """By the same mistake as that of its deployments, so that it is reported once."""
    house.write("configs/environments/far.yaml", "description: [\n")
    [found] = check_backend(house.workspace)
    assert found.message.startswith("broken YAML")
    assert found.message in [one.message for one in check_deployments(house.workspace).mistakes]


def test_secrets_need_not_be_there(house):
    """Whether they are shows when they are applied; a default is kept."""
    house.write("configs/blocks/token.yaml", "name: token\ntype: secret\nfields: {value: '${TOKEN}'}\n")
    text = "description: There.\nvariables: {alpha_dept: {ingestion: {days: '${DAYS:-3}'}}}\n"
    house.write("configs/environments/far.yaml", text)
    assert house.told(check_backend(house.workspace)) == []


@pytest.fixture
def with_secret(house):
    """The house, in which settings name a secret."""
    house.change(
        "departments/alpha_dept/src/alpha_dept/settings.py",
        "import StageSettings\n\n\nclass Settings(StageSettings",
        "import StoreSettings\n\n\nclass Settings(StoreSettings",
    )
    house.write(
        "configs/variables/alpha_dept/ingestion.yaml", "days: 2\nstore: data\nindex:\n  block: secret/index-url\n"
    )
    return house


def test_a_secret_that_no_file_has_is_a_warning(with_secret):
    """With its place and what to do; `apply` asks the server."""
    [found] = with_secret.told(check_backend(with_secret.workspace))
    assert found == (
        "configs/variables/alpha_dept/ingestion.yaml:4: warning: no file has the block secret/index-url; unless the "
        "server has it, `airnub apply` fails: add configs/blocks/index-url.yaml, create the block on the server, or "
        "set AIRNUB_SECRET_INDEX_URL in the environment or in .env"
    )


@pytest.mark.parametrize("where", ["file", "environment", ".env"])
def test_a_secret_that_is_there(with_secret, where, monkeypatch):
    """As a block of the repository, or in the environment."""
    if where == "file":
        text = "name: index-url\ntype: secret\nfields: {value: '${INDEX}'}\n"
        with_secret.write("configs/blocks/index-url.yaml", text)
    elif where == "environment":
        monkeypatch.setenv("AIRNUB_SECRET_INDEX_URL", "x")
    else:
        with_secret.write(".env", "AIRNUB_SECRET_INDEX_URL=x\n")
    assert with_secret.told(check_backend(with_secret.workspace)) == []


def test_a_secret_that_some_environments_lack(with_secret):
    """They are named."""
    with_secret.write("configs/environments/far.yaml", "description: There.\n")
    text = "name: index-url\ntype: secret\nenvironments: [far]\nfields: {value: '${INDEX}'}\n"
    with_secret.write("configs/blocks/index-url.yaml", text)
    [found] = check_backend(with_secret.workspace)
    assert found.is_warning
    assert found.message.endswith("(in local)")


def test_stages_without_settings(house):
    """Those of active departments."""
    (house.root / "configs/variables/alpha_dept/ingestion.yaml").unlink()
    stages = {"alpha_dept": ["ingestion"], "beta_dept": ["ingestion"], "template": ["ingestion"]}
    [told] = house.told(check_variables(house.workspace, stages))
    assert told.startswith("configs/variables/alpha_dept/ingestion.yaml: expected the settings of stage ingestion")
    house.change("configs/departments.yaml", "status: active", "status: retired")
    assert house.told(check_variables(house.workspace, stages)) == []
    house.write("configs/departments.yaml", "nothing: here\n")
    assert house.told(check_variables(house.workspace, stages)) == []


def test_what_compiling_would_write_otherwise(house):
    """The root's file, missing or stale, and tags in a department's own."""
    found = check_deployments(house.workspace)
    [told] = house.told(check_stale(house.workspace, found))
    assert told == "prefect.yaml: expected the output of `uv run airnub compile`, found a different text; run it"
    house.write("prefect.yaml", compile_environment(house.workspace))
    assert house.told(check_stale(house.workspace, found)) == []
    house.change("departments/alpha_dept/prefect.yaml", "owner:team-one", "owner:nobody")
    assert house.told(check_stale(house.workspace, check_deployments(house.workspace)))[0].startswith(
        "departments/alpha_dept/prefect.yaml"
    )


def test_what_repeats_the_registry(house):
    """Files of the root in which every department is named."""
    house.write("prefect.yaml", compile_environment(house.workspace))
    house.change("configs/departments.yaml", "departments:", "organisation: example\ndepartments:")
    found = check_deployments(house.workspace)
    [told] = house.told(check_stale(house.workspace, found))
    assert told.startswith(".github/CODEOWNERS: expected the output of `uv run airnub compile`")
    house.write("docker-compose.yml", "x: 1\n")
    house.write("departments/_template/registration/docker-compose.yml", "services:\n")
    assert "docker-compose.yml: expected services, found none" in house.told(check_stale(house.workspace, found))


def test_an_environment_for_which_nothing_can_be_compiled(house):
    """It is told before anybody deploys there."""
    house.write("configs/environments/far.yaml", "description: There.\npools: {alpha-dept: {name: no-such-pool}}\n")
    found = check_deployments(house.workspace)
    assert "no-such-pool" in "\n".join(house.told([*found.mistakes, *check_stale(house.workspace, found)]))
