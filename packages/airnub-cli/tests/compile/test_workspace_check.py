"""Overrides of environments; all mistakes at once; cached departments; flows without parameter schemas."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from airnub_cli.cache import NO_CACHE, Cache, Fingerprints
from airnub_cli.compile import workspace_check
from airnub_cli.compile.compilation import compile_environment
from airnub_cli.compile.workspace_check import check_deployments
from airnub_cli.configuration import pools
from airnub_cli.configuration.registry import load_registry
from airnub_cli.subprocesses import can_fork
from airnub_cli.workspace import Workspace


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
    assert "prefect.yaml:1: expected a YAML file in UTF-8" in "\n".join(house.mistakes())


def test_an_unreadable_file_has_no_consequences_in_environments(house):
    """Names of deployments in environments are not compared with a file that cannot be read."""
    house.write(
        "configs/environments/far.yaml",
        "description: Far.\nschedules: {department-for-deploying-first/hourly: true}\n"
        "limits: {department-for-deploying-first: 2}\n",
    )
    assert house.mistakes() == []
    for content in (b"# \xfc\n", b"", b"deployments: [\n"):
        house.deployments.write_bytes(content)
        assert [one for one in house.mistakes() if "far.yaml" in one] == []


def test_departments_and_the_registry_must_agree(house):
    """An entry without a folder and a folder without an entry are mistakes; the template needs none."""
    house.change("department_for_deploying,", "gone,", "configs/departments.yaml")
    house.write("departments/_template/pyproject.toml", '[project]\nname = "department-template"\nversion = "0"\n')
    found = house.mistakes()
    assert "departments.yaml:2: expected a folder departments/gone, found none" in found
    assert "departments.yaml:None: expected an entry of department 'department_for_deploying', found none" in found
    assert not [line for line in found if "entry of department 'department_template'" in line]


CODE = """
from airnub_cli.compile.workspace_check import without_schemas
from airnub_prefect.settings import StageSettings
from datetime import date
from prefect import flow
from prefect.exceptions import ParameterTypeError
from typing import Annotated, Any
import threading

def left_out(function):
    return not flow(function).parameters.properties

class Settings(StageSettings, department="d", stage="s"):
    days: int = 1

def simple(settings: Settings | None = None, force: bool = False, day: str = "monday"): ...
def nested(sources: list[str] | None = None, since: date | None = None, limits: dict[str, int] | None = None): ...
def locks(locks: list[threading.Lock] = None): ...
def reserved(_days: int = 1): ...
def odd(lock: threading.Lock = None): ...
def unknown(thing: "Nowhere"): ...
def bare(thing): ...

assert not left_out(simple)
without_schemas()
assert left_out(simple)
assert left_out(nested)
assert flow(simple).name == "simple"
assert flow(nested).validate_parameters({"sources": ("a",), "limits": {"a": "1"}}) == {
    "sources": ["a"], "since": None, "limits": {"a": 1}
}
try:
    flow(nested).validate_parameters({"sources": 1})
except ParameterTypeError as error:
    assert "sources" in str(error)
else:
    raise AssertionError
try:
    flow(reserved)
except ValueError as error:
    assert "not compatible" in str(error)
else:
    raise AssertionError
for one in (odd, locks, unknown, bare):
    try:
        assert not left_out(one)
    except NameError:
        pass  # what Prefect says of it
"""


def test_what_is_left_out():
    """Of plain types and models, for which a schema can be made; of all others it is made, as Prefect makes it."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


COPY = "copied_department"


@pytest.fixture
def copies(house, monkeypatch):
    """The department of the house, and ten more of which nothing is imported yet."""
    source = house.root / "departments" / "department_for_deploying"
    package = Path(__file__).parents[1] / "importable" / "department_for_deploying"
    registry = (house.root / "configs/departments.yaml").read_text()
    for number in range(10):
        name = f"{COPY}_{number}"
        folder = house.root / "departments" / name
        shutil.copytree(source, folder)
        shutil.copytree(package, folder / "src" / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in folder.rglob("*"):
            if path.is_file():
                text = path.read_text().replace("department_for_deploying", name)
                text = text.replace("department-for-deploying", name.replace("_", "-"))
                path.write_text(text.replace("second-after-first", f"second-after-first-{number}"))
        monkeypatch.syspath_prepend(folder / "src")
        registry += f"  - {{id: {name}, display_name: D, owner: team-one, contacts: [a@b.org], status: active}}\n"
    house.write("configs/departments.yaml", registry)
    yield house
    for name in [one for one in sys.modules if one.startswith(COPY)]:
        del sys.modules[name]


@pytest.fixture
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def judged(monkeypatch):
    """Names of departments that were judged."""
    names = []
    before = workspace_check._judge
    monkeypatch.setattr(workspace_check, "_judge", lambda member: names.append(member.module) or before(member))
    return names


def check(house, cache):
    return check_deployments(house.workspace, {}, cache)


def test_what_was_right_is_not_imported_again(house, cache, judged):
    """The deployments and their stages are known."""
    first, second = check(house, cache), check(house, cache)
    assert first.mistakes == second.mistakes == []
    assert judged == ["department_for_deploying"]
    assert [one.value for one in first.entries()] == [one.value for one in second.entries()]
    assert first.sources[0].stages == second.sources[0].stages == {
        "department_for_deploying.flows.first": "first",
        "department_for_deploying.flows.second": "second",
    }  # fmt: skip


def test_the_compiled_text_is_the_same(house, cache):
    """With what is remembered, and without."""
    for name in ("local", "far"):
        texts = [
            compile_environment(house.workspace, name, cache=one, digest=lambda _: "ab" * 16)
            for one in (NO_CACHE, cache, cache)
        ]
        assert texts[0] == texts[1] == texts[2]


def test_a_file_that_changed_is_judged(house, cache, judged):
    """And what was before is still known."""
    check(house, cache)
    before = house.deployments.read_text()
    house.change("The first one.", "Another one.")
    check(house, cache)
    house.deployments.write_text(before)
    check(house, cache)
    assert len(judged) == 2


def test_job_variables_of_an_edited_department_are_known(house, cache, judged, monkeypatch):
    """With its image alone they are those of most departments: Prefect's worker for Docker is not imported."""
    monkeypatch.setattr(pools, "_RIGHT", set())
    assert check(house, cache).mistakes == []
    house.change("The first one.", "Another one.")
    monkeypatch.setattr(pools, "_RIGHT", set())  # as in the next process
    monkeypatch.setattr(pools, "_wrong_defaults", lambda *_: pytest.fail("checked again"))
    assert check(house, cache).mistakes == []
    assert len(judged) == 2


def test_what_is_wrong_is_looked_at_again(house, cache, judged):
    """Its reason may be gone without any change of a file."""
    house.change("flows.second", "flows.gone")
    first = check(house, cache).mistakes
    assert first
    assert check(house, cache).mistakes == first
    assert len(judged) == 2


def test_what_is_around_a_department_is_looked_at_each_time(house, cache, judged):
    """The registry, pools and other departments decide nothing that is remembered."""
    check(house, cache)
    house.change("team-one", "team-two", "configs/departments.yaml")
    (house.root / "infra/work-pools/pool-one.yaml").unlink()
    with_cache, without = check(house, cache), check(house, NO_CACHE)
    assert len(with_cache.mistakes) == 2
    assert with_cache.mistakes == without.mistakes
    assert with_cache.sources[0].registered.owner == "team-two"
    assert judged == ["department_for_deploying"] * 2  # the first time, and without memory


def test_placeholders_are_looked_at_each_time(house, cache):
    """With the line, though the file was not read for anything else."""
    house.change("pull: []", "build: [{airnub_prefect.steps.require_environment: {names: [PLACE]}}]\npull: []")
    house.change("The first one.", "'{{ $PLACE }}'")
    assert check_deployments(house.workspace, {"PLACE": "here"}, cache).mistakes == []
    [told] = check_deployments(house.workspace, {}, cache).mistakes
    assert told.line == 5
    assert "PLACE is not set in the environment" in told.message


def test_many_departments(copies, cache):
    """Imported by processes: nothing of them is left here, and what is wrong is told as without."""
    if not can_fork():
        pytest.skip("nothing is forked beside threads, which other tests have left")
    broken = f"{COPY}_3"
    copies.write(f"departments/{broken}/src/{broken}/flows.py", "raise ValueError('no such luck')\n")
    apart = check(copies, cache)
    assert _imported() == set()
    [told] = apart.mistakes  # once, for two deployments
    assert str(told).endswith(f"src/{broken}/flows.py:1: importing raises ValueError: no such luck")
    again = check(copies, cache)
    assert _imported() == {broken}
    members = sorted(copies.workspace.members.values(), key=lambda member: member.module)
    here = [workspace_check._judge(member) for member in members if member.kind == "department"]
    for one, other, judgement in zip(apart.sources, again.sources, here, strict=True):
        assert one.value == other.value == judgement.file.value
        assert one.mistakes == other.mistakes == judgement.mistakes
        assert one.flows == other.flows == judgement.flows
        assert one.stages == other.stages == judgement.stages


def _imported():
    return {name.partition(".")[0] for name in sys.modules if name.startswith(COPY)}


def test_nobody_is_registered_for_what_is_remembered(house, cache):
    """It is the same for a checkout beside it."""
    registry = load_registry(house.root)
    for _ in range(2):
        workspace = Workspace.around(house.root)
        with workspace_check.judging(workspace, registry, cache, Fingerprints(workspace)) as judged:
            [source] = judged()
        assert source.registered is registry.departments[0]
