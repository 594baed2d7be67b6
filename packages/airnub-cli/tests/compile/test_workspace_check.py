"""Overlays.
Checking: all mistakes at once.
"""

import pytest

from airnub_cli.compile.workspace_check import check_deployments


def test_an_environment_names_what_there_is(house):
    """Pools, schedules, limits, Variables: what nobody has is told with its line and the nearest name."""
    house.write(
        "configs/environments/far.yaml",
        "description: There.\n"
        "pools:\n  pool-onne: {}\n  pool-one: {name: pool-three}\n"
        "schedules:\n  department-for-deploying-first/dayly: true\n"
        "limits:\n  department-for-deploying-frist: 1\n"
        "variables:\n  department_for_deploying:\n    frist: {}\n  nobody: {}\n",
    )
    assert house.mistakes() == [
        "far.yaml:3: pools: expected a pool that a deployment names, found 'pool-onne'; did you mean 'pool-one'?",
        "far.yaml:4: pools.pool-one.name: expected a pool of infra/work-pools/, found 'pool-three'",
        "far.yaml:6: schedules: expected deployment/slug, found 'department-for-deploying-first/dayly'; did you mean "
        "'department-for-deploying-first/daily'?",
        "far.yaml:8: limits: expected a deployment, found 'department-for-deploying-frist'; did you mean "
        "'department-for-deploying-first'?",
        "far.yaml:11: variables.department_for_deploying: expected a stage of "
        "configs/variables/department_for_deploying/, found 'frist'",
        "far.yaml:12: variables: expected a department, found 'nobody'; valid are department_for_deploying",
    ]


def test_job_variables_are_those_of_the_environments_pools(house):
    """What no worker of that type would understand changes nothing, and is told with its line."""
    house.write(
        "configs/environments/far.yaml",
        "description: There.\nkind: process\n"
        "pools:\n  pool-one:\n    job_variables:\n      mem_limit: 2g\n      working_dir: 7\n",
    )
    unknown, wrong = house.mistakes()
    assert unknown.startswith(
        "far.yaml:6: pools.pool-one.job_variables: unknown job variable 'mem_limit' of a process pool"
    )
    assert wrong.startswith("far.yaml:7: pools.pool-one.job_variables: working_dir: expected")


def test_job_variables_are_those_of_the_pools_own_type(house):
    """Where the environment does not say one of all."""
    house.write(
        "configs/environments/far.yaml", "description: There.\npools: {pool-one: {job_variables: {mem_limit: 2g}}}\n"
    )
    assert house.mistakes() == []
    house.change("type: docker", "type: process", "infra/work-pools/pool-one.yaml")
    [mistake] = house.mistakes()
    assert "unknown job variable 'mem_limit' of a process pool" in mistake


def test_null_removes_a_job_variable(house):
    """Whatever its type is."""
    house.write(
        "configs/environments/far.yaml",
        "description: There.\npools: {pool-one: {job_variables: {networks: null, mem_limit: null}}}\n",
    )
    assert house.mistakes() == []


def test_a_good_house_has_no_mistakes(house):
    """And what was read of it is handed on."""
    found = check_deployments(house.workspace, {})
    assert found.mistakes == []
    assert [entry.name for entry in found.entries()] == [
        "department-for-deploying-first",
        "department-for-deploying-second",
    ]
    assert set(found.environments) == {"far", "local"}


def test_mistakes_of_all_kinds_and_files_are_told_at_once(house):
    """Each with its file and line, in the order that a person goes through them."""
    house.change("    description: The first one.\n", "    descriptoin: The first one.\n")
    house.change("flows.second", "flows.no_flow")
    house.change("pool-one\n", "pool-onne\n")
    house.change("exp" + "ect:", "exepct:")
    house.write("configs/environments/far.yaml", "description: There.\nlimits: {nobody: 3}\nregistri: x\n")
    house.change("owner: team-one", "owner: Team One", "configs/departments.yaml")
    assert house.mistakes() == [
        "departments.yaml:2: departments.0.owner: expected text like ^[a-z0-9][a-z0-9._-]*$, found 'Team One'"
    ]
    house.change("owner: Team One", "owner: team-one", "configs/departments.yaml")
    assert house.mistakes() == [
        "far.yaml:3: unknown key 'registri'; did you mean 'registry'?",
        "prefect.yaml:3: missing key 'deployments.0.description'",
        "prefect.yaml:4: unknown key 'deployments.0.descriptoin'; did you mean 'description'?",
        "prefect.yaml:14: deployments.1.entrypoint: expected a flow, found function 'no_flow' in "
        "department_for_deploying.flows; its flows are first, second",
        "prefect.yaml:17: deployments.1.work_pool.name: expected a pool of infra/work-pools/, found 'pool-onne'; "
        "did you mean 'pool-one'?",
        "prefect.yaml:21: missing key 'deployments.1.triggers.0.expect'",
        "prefect.yaml:25: unknown key 'deployments.1.triggers.0.exepct'; did you mean 'expect'?",
    ]


def test_a_mistake_in_an_anchor_is_told_once(house):
    """It stands on one line, however many deployments it is merged into."""
    house.write(
        "departments/department_for_deploying/prefect.yaml",
        "definitions:\n  one: &one\n    work_pool: {name: pool-one, job_varibles: {}}\n    description: x\n"
        "deployments:\n  - {<<: *one, name: department-for-deploying-a}\n"
        "  - {<<: *one, name: department-for-deploying-b}\n",
    )
    assert [line for line in house.mistakes() if "job_varibles" in line] == [
        "prefect.yaml:3: unknown key 'deployments.0.work_pool.job_varibles'; did you mean 'job_variables'?"
    ]


@pytest.mark.parametrize(
    "text", ["", "- 1\n", "deployments: 5\n", "deployments: [5]\n", "deployments: [{triggers: 5}]\n"]
)
def test_a_file_of_another_shape_is_a_mistake_too(house, text):
    """Whatever stands there, there are mistakes and no traceback."""
    house.write("departments/department_for_deploying/prefect.yaml", text)
    assert house.mistakes()


def test_a_missing_or_broken_file_is_a_mistake(house):
    """Of a department as of an environment."""
    house.deployments.unlink()
    house.write("configs/environments/far.yaml", "a: [\n")
    found = "\n".join(house.mistakes())
    assert "prefect.yaml:None: expected a YAML file" in found
    assert "far.yaml:2: broken YAML" in found
    house.deployments.write_bytes(b"\xff\xfe")
    assert "prefect.yaml:None: expected a YAML file in UTF-8" in "\n".join(house.mistakes())


def test_departments_and_the_registry_must_agree(house):
    """An entry without a folder and a folder without an entry are mistakes; the template needs none."""
    house.change("department_for_deploying,", "gone,", "configs/departments.yaml")
    house.write("departments/_template/pyproject.toml", '[project]\nname = "department-template"\nversion = "0"\n')
    found = house.mistakes()
    assert "departments.yaml:2: expected a folder departments/gone, found none" in found
    assert "departments.yaml:None: expected an entry of department 'department_for_deploying', found none" in found
    assert not [line for line in found if "entry of department 'department_template'" in line]
