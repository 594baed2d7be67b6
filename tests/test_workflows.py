"""GitHub workflows: the commands of their steps are run here."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from airnub_cli.__main__ import main

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
STEPS = [
    (f"{file.stem}/{name}/{index}", step)
    for file in FILES
    for name, job in yaml.safe_load(file.read_text())["jobs"].items()
    for index, step in enumerate(job["steps"])
]
RUNS = [(place, step["run"]) for place, step in STEPS if "run" in step]
AIRNUB = [
    (place, match[1])
    for place, text in RUNS
    for match in re.finditer(r"\bairnub ((?:[\w./-]+|\"\$\w+\"|\$\w+| )+)", " ".join(text.split()))
]
BASE = {"BASE": "HEAD~1"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone with one more commit, which changes a department's code and an environment."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    folder = tmp_path_factory.mktemp("clone") / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    places = ("departments/project_alpha/src/project_alpha", "departments/_template/src/department_template")
    changed = next(folder / place / "tasks.py" for place in places if (folder / place).is_dir())
    changed.write_text(changed.read_text() + "# changed\n")
    production = folder / "configs/environments/production.yaml"
    production.write_text(production.read_text().replace("registry.example.org/airnub", "registry.example.org/other"))
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "commit", "--quiet", "--all", "--message", "x"], cwd=folder, check=True)
    return folder


@pytest.fixture
def run(clone, tmp_path):
    """Run a step as a runner does, in the environment of these tests."""

    def _run(text, **variables):
        output = tmp_path / "output"
        output.touch()
        environment = os.environ | {
            "UV_PROJECT_ENVIRONMENT": sys.prefix, "UV_NO_SYNC": "1", "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        }  # fmt: skip
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
        done = subprocess.run(
            command, cwd=clone, env=environment | variables, capture_output=True, text=True, check=False
        )
        return done, dict(line.partition("=")[::2] for line in output.read_text().splitlines())

    return _run


def steps(place):
    """The commands of a job."""
    return [text for at, text in RUNS if at.rpartition("/")[0] == place]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_permissions_are_the_least_and_actions_are_pinned(file):
    """Write permissions have a comment with the reason, and actions are pinned by commit, since tags move."""
    workflow = yaml.safe_load(file.read_text())
    assert workflow["defaults"] == {"run": {"shell": "bash"}}
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            assert "uses" not in step or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])


@pytest.mark.parametrize(("place", "text"), AIRNUB, ids=[place for place, _ in AIRNUB])
def test_every_airnub_command_is_one(place, text):
    """Its arguments and options are parsed by the command itself."""
    words = re.sub(r"\"?\$\w+\"?", "x", text).split()
    command: click.Command = main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    command.make_context("airnub", words)


@pytest.mark.parametrize(("place", "text"), RUNS, ids=[place for place, _ in RUNS])
def test_no_failure_is_swallowed(place, text):
    """No command substitution in an argument hides an exit status."""
    assert not re.search(r"^\s*(echo|printf) .*\$\(", text, re.MULTILINE)


@pytest.mark.parametrize(("place", "text"), [one for one in RUNS if ".ci/run" in one[1]], ids=lambda one: one)
def test_every_stage_is_one(place, text):
    """Every stage in a workflow is a stage of `.ci/run`."""
    stages = re.findall(r"^(\w+)\(\) \{", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert set(text.split(".ci/run", 1)[1].split()) <= set(stages)


@pytest.mark.example
@pytest.mark.system
def test_what_is_affected(run):
    """Both matrices have the format that the next job reads; the summary has the reasons."""
    summary, *matrices = steps("check/affected")[1:]
    done, _ = run(summary, **BASE)
    assert "departments/project_alpha/src/project_alpha/tasks.py → project_alpha" in done.stdout
    found = []
    for text in matrices:
        done, output = run(text, **BASE)
        assert done.returncode == 0, done.stderr
        found.append(output["matrix"])
    assert [json.loads(one) for one in found] == [
        {"group": ["project_alpha"]},
        {"group": ["project_alpha"]},
    ]


@pytest.mark.system
def test_nothing_is_tested_or_built_where_nothing_is_affected(run):
    """Conditions of jobs match the printed empty matrix, since GitHub rejects an empty matrix."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())["jobs"]
    for text, job in zip(steps("check/affected")[2:], ("tests", "images"), strict=True):
        done, output = run(text, BASE="HEAD")
        assert done.returncode == 0, done.stderr
        assert jobs[job]["if"].endswith(f"!= '{output['matrix']}'")


@pytest.mark.example
@pytest.mark.system
def test_mistakes_stand_beside_their_lines(run, clone):
    """The annotations of a failed check."""
    path = clone / "configs/variables/project_alpha/ingestion.yaml"
    before = path.read_text()
    path.write_text(f"{before}\nstroe: x\n")
    try:
        done, _ = run(steps("check/check")[2])
    finally:
        path.write_text(before)
    assert done.returncode == 1
    assert "::error file=configs/variables/project_alpha/ingestion.yaml,line=" in done.stdout


@pytest.mark.example
@pytest.mark.system
def test_what_would_be_different(run, clone):
    """The diff of compiled deployments, and of the files of the configuration."""
    done, _ = run(steps("check/difference")[1], **BASE)
    assert done.returncode == 0, done.stderr
    text = (clone / "difference.md").read_text()
    assert "## What this does to production" in text
    assert re.search(r"^-.*registry\.example\.org/airnub/project-alpha:", text, re.MULTILINE)
    assert re.search(r"^\+.*registry\.example\.org/other/project-alpha:", text, re.MULTILINE)
    assert "+registry: registry.example.org/other" in text
    listed = subprocess.run(["git", "worktree", "list"], cwd=clone, capture_output=True, text=True, check=True).stdout
    assert len(listed.splitlines()) == 1


def test_what_images_are_built_on(run, clone):
    """The digests of base images are printed once, in the format that later steps and jobs read."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())["jobs"]
    [text] = [one for one in steps("deploy/images") if "--bases" in one]
    done, output = run(text, GITHUB_ENV=str(clone / "env"))
    assert done.returncode == 0, done.stderr
    assert [f"{name}={value}" for name, value in output.items()] == (clone / "env").read_text().splitlines()
    told = {name: re.search(r"steps\.bases\.outputs\.(\w+)", one)[1] for name, one in jobs["images"]["outputs"].items()}
    assert set(told.values()) == set(output)
    for place in ("staging", "production"):
        assert "images" in jobs[place]["needs"]
        [deploying] = [one for one in jobs[place]["steps"] if one.get("run") == f".ci/deploy {place} {place}.yaml"]
        for name, output_of in told.items():
            assert deploying["env"][output_of] == f"${{{{ needs.images.outputs.{name} }}}}"


@pytest.fixture
def programs(tmp_path):
    """A folder for the PATH with programs that record their calls; shell scripts set their output."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def make(name, script):
        program = folder / name
        program.write_text(f'#!/bin/bash\necho "{name} $*" >>{tmp_path}/calls\n{script}\n')
        program.chmod(0o755)
        return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}

    return make


def calls(folder):
    """The recorded calls."""
    return (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []


TARGET = {
    "PREFECT_API_URL": "http://127.0.0.1:9/api", "AIRNUB_RUNS_API_URL": "http://server:4200/api",
    "AIRNUB_DOTENV": "AIRNUB_SECRET_SLACK=s3cret\nOTHER=1",
}  # fmt: skip


def test_an_environment_is_configured_then_deployed(run, clone, programs, tmp_path):
    """Secrets of blocks are in `.env` only while the configuration is applied; no other program gets them."""
    script = """[[ ! -e .env ]] || cp .env $OUT/dotenv-of-$(echo "$*" | tr -dc a-z)
    [[ -z ${AIRNUB_DOTENV:-} ]] || echo "uv was given AIRNUB_DOTENV" >>$OUT/calls
    [[ $* != *compile* ]] || echo 'deployments: []' >staging.yaml"""
    variables = programs("uv", script) | TARGET | {"OUT": str(tmp_path)}
    done, _ = run(next(text for text in steps("deploy/staging") if ".ci/deploy" in text), **variables)
    assert done.returncode == 0, done.stderr
    assert calls(tmp_path) == [
        "uv run --frozen --all-packages airnub apply --env staging",
        "uv run --frozen --all-packages airnub compile --env staging -o staging.yaml",
        "uv run --frozen --all-packages prefect deploy --all --prefect-file staging.yaml",
    ]
    [seen] = tmp_path.glob("dotenv-of-*")
    assert "apply" in seen.name
    assert seen.read_text() == "AIRNUB_SECRET_SLACK=s3cret\nOTHER=1\n"
    assert not (clone / ".env").exists()
    # An existing file is deployed unchanged: `rollback` downloads it.
    done, _ = run(steps("rollback/rollback")[-1], ENVIRONMENT="staging", **variables)
    assert done.returncode == 0, done.stderr
    assert [line.split()[4:6] for line in calls(tmp_path)[3:]] == [["airnub", "apply"], ["prefect", "deploy"]]
    (clone / "staging.yaml").unlink()


def test_secrets_do_not_stay_when_applying_fails(run, clone, programs, tmp_path):
    """And nothing is deployed."""
    done, _ = run(".ci/deploy staging staging.yaml", **programs("uv", "exit 2") | TARGET)
    assert done.returncode == 2
    assert len(calls(tmp_path)) == 1
    assert not (clone / ".env").exists()


@pytest.mark.parametrize("kind", ["empty", "broken", "folder"])
def test_a_file_without_deployments_is_rejected_first(run, clone, programs, tmp_path, kind):
    """Before the configuration is applied: Prefect skips such a file, and asks for an entrypoint."""
    path = clone / "staging.yaml"
    path.mkdir() if kind == "folder" else path.write_text("" if kind == "empty" else "a: [\n")
    try:
        done, _ = run(".ci/deploy staging staging.yaml", **programs("uv", "") | TARGET)
        assert done.returncode == 2
        assert done.stderr.startswith("staging.yaml: expected compiled deployments, found none; remove it")
        assert calls(tmp_path) == []
    finally:
        path.rmdir() if kind == "folder" else path.unlink()


@pytest.mark.parametrize("kind", ["file", "broken link"])
def test_a_dotenv_file_is_not_replaced(run, clone, programs, tmp_path, kind):
    """Nothing is called; through a link, secrets would stay in a file elsewhere."""
    path = clone / ".env"
    path.write_text("A=1\n") if kind == "file" else path.symlink_to("elsewhere")
    try:
        done, _ = run(".ci/deploy staging staging.yaml", **programs("uv", "") | TARGET | {"AIRNUB_DOTENV": "B=1"})
        assert done.returncode == 2
        assert "expected AIRNUB_DOTENV or a file .env, found both" in done.stderr
        assert not (clone / "elsewhere").exists()
        assert calls(tmp_path) == []
    finally:
        path.unlink()


def test_programs_of_the_system_are_installed_as_root(run, programs, clone, tmp_path):
    """A runner's user is not root, and package lists can only be fetched with `sudo`."""
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/promtool").touch(mode=0o755)
    variables = programs("id", "echo 1001") | {"OUT": str(tmp_path)}
    # The stage `tests` may have installed it.
    path = variables.get("PATH", os.environ["PATH"]).split(os.pathsep)
    variables["PATH"] = os.pathsep.join(one for one in path if not (Path(one) / "promtool").exists())
    programs("sudo", "")
    programs("apt-get", "[[ $* != *download* ]] || touch prometheus_1.deb")
    programs("dpkg-deb", "tar -c -C $OUT ./usr/bin/promtool")
    place = clone / ".ci" / ".promtool"
    done, _ = run(".ci/run promtool", **variables)
    assert done.returncode == 0, done.stderr
    assert "sudo apt-get -q update" in calls(tmp_path)
    assert "apt-get -q update" not in calls(tmp_path)
    assert (place / "usr/bin/promtool").exists()
    shutil.rmtree(place)


@pytest.mark.parametrize("name", ["PREFECT_API_URL", "AIRNUB_RUNS_API_URL"])
def test_an_address_that_is_missing_is_said_first(run, programs, tmp_path, name):
    """Otherwise pools would have the URL of docker-compose.yml's server."""
    done, _ = run(".ci/deploy staging staging.yaml", **programs("uv", "") | TARGET | {name: ""})
    assert done.returncode != 0
    assert f"{name}: expected the address" in done.stderr
    assert calls(tmp_path) == []


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ("deploy main push 0123abc", 0),
        ("check main push 0123abc", 1),
        ("deploy feature push 0123abc", 1),
        ("deploy main workflow_dispatch 0123abc", 1),
    ],
)
def test_back_to_a_run_that_deployed_main(run, programs, found, status):
    """The commit of any other run is not checked out in a job with secrets."""
    done, output = run(
        steps("rollback/earlier")[0], RUN="7", GITHUB_REPOSITORY="a/b", **programs("gh", f"echo {found}")
    )
    assert done.returncode == status, done.stderr
    assert output == ({"commit": "0123abc"} if status == 0 else {})


def test_the_comment_is_what_the_difference_says(run, programs, clone, tmp_path):
    """It is passed as an output, whatever its content; an earlier comment is edited, otherwise a new one is created."""
    text = "a\n`$(touch harm)`\ntext<<x\nEOF\n"
    (clone / "difference.md").write_text(text)
    done, _ = run(steps("check/difference")[-1])
    assert done.returncode == 0, done.stderr
    name, _, end = (tmp_path / "output").read_text().splitlines()[0].partition("<<")
    body, last = (tmp_path / "output").read_text().partition("\n")[2].split(f"\n{end}\n")
    assert (name, body.rstrip(), last) == ("text", text.rstrip(), "")
    script = f"cp difference.md {tmp_path}/commented; [[ $* != *--edit-last* ]]"
    variables = programs("gh", script) | {"TEXT": body, "NUMBER": "3", "GITHUB_REPOSITORY": "a/b"}
    done, _ = run(steps("check/comment")[0], **variables)
    assert done.returncode == 0, done.stderr
    expected = "gh pr comment 3 --repo a/b --body-file difference.md"
    assert calls(tmp_path) == [f"{expected} --edit-last", expected]
    assert (tmp_path / "commented").read_text().rstrip() == text.rstrip()
    (clone / "difference.md").unlink()


def test_images_are_signed_by_digest(run, programs):
    """In the format of `sha256sum`, without tags, with the digests in the registry."""
    rows = json.dumps([{"image": "registry.example.org/a/b:12"}, {"image": "localhost:5000/c:34"}])
    programs("uv", f"echo '{rows}'")
    variables = programs("docker", "echo sha256:abcd")
    done, _ = run(".ci/image-digests production", **variables)
    assert done.stdout.splitlines() == ["abcd  registry.example.org/a/b", "abcd  localhost:5000/c"], done.stderr
    done, _ = run(".ci/image-digests production", **programs("docker", "exit 1"))
    assert done.returncode == 1


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_secrets_and_rights_are_where_they_are_needed(file):
    """Secrets are in the environment of a step; a job that may write or sign runs no code of the repository."""
    workflow = yaml.safe_load(file.read_text())
    assert "env" not in workflow or "secrets." not in str(workflow["env"])
    for name, job in workflow["jobs"].items():
        assert "secrets." not in str(job.get("env", {})), name
        if "write" in job.get("permissions", {}).values():
            uses = [step.get("uses", "").partition("@")[0] for step in job["steps"]]
            assert "actions/checkout" not in uses, name
            assert not any(".ci/" in step.get("run", "") or "uv " in step.get("run", "") for step in job["steps"]), name


def test_one_version_of_uv_by_its_hashes():
    """Wherever uv is installed; uv.lock pins `pip-audit`."""
    script = (ROOT / ".ci" / "run").read_text()
    for text in (*(text for _, text in RUNS), script):
        for line in text.splitlines():
            if "pip install" in line or "uv=(install" in line:
                assert "--require-hashes --requirement .ci/uv.txt" in line
            assert "uvx" not in line
    pinned = (ROOT / ".ci" / "uv.txt").read_text()
    assert re.findall(r"^[^#\s]+", pinned, re.MULTILINE) == [re.search(r"^uv==\d+\.\d+\.\d+", pinned, re.MULTILINE)[0]]
    assert pinned.count("--hash=sha256:") > 5
    locked = (ROOT / "uv.lock").read_text()
    assert 'name = "pip-audit"' in locked


def test_an_unapproved_production_holds_up_nothing_else():
    """Concurrency groups are set per job, one for each environment; rollback and deploy share them."""
    deploy = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())
    assert "concurrency" not in deploy
    for name in ("staging", "production"):
        assert deploy["jobs"][name]["concurrency"] == {"group": name, "cancel-in-progress": False}
    rollback = yaml.safe_load((ROOT / ".github/workflows/rollback.yml").read_text())["jobs"]["rollback"]
    assert rollback["concurrency"] == {"group": "${{ inputs.environment }}", "cancel-in-progress": False}


@pytest.mark.system
def test_what_is_deployed(run, clone):
    """The deployed files are compiled. Applying and deploying are tested elsewhere, with a server."""
    for place in ("staging", "production"):
        done, _ = run(f"uv run --frozen --all-packages airnub compile --env {place} -o {place}-compiled.yaml")
        assert done.returncode == 0, done.stderr
        assert yaml.safe_load((clone / f"{place}-compiled.yaml").read_text())["deployments"]


def test_what_the_template_left_behind(run):
    """The nightly check of departments runs."""
    done, _ = run(steps("nightly/template")[1])
    assert done.returncode == 0, done.stderr


def test_what_is_asked_for_known_faults(run, clone):
    """Every package of the lock with its hashes, and no workspace member."""
    done, _ = run(steps("nightly/vulnerabilities")[1])
    assert done.returncode == 0, done.stderr
    text = (clone / "requirements.txt").read_text()
    assert re.search(r"^prefect==", text, re.MULTILINE)
    assert re.search(r"^airnub-", text, re.MULTILINE) is None
