"""Overlays."""


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
