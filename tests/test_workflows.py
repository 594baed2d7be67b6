"""Workflows: their steps are commands that run the same here, so they are run here."""

import json
import os
import re
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
    """A clone with one more commit, in which a department's code and an environment changed."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    folder = tmp_path_factory.mktemp("clone") / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    with (folder / "departments/project_alpha/src/project_alpha/tasks.py").open("a") as file:
        file.write("# changed\n")
    production = folder / "configs/environments/production.yaml"
    production.write_text(production.read_text().replace("registry.example.org/airnub", "registry.example.org/other"))
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "commit", "--quiet", "--all", "--message", "x"], cwd=folder, check=True)
    return folder


@pytest.fixture
def run(clone, tmp_path):
    """Runs a step as a runner does, in the environment of these tests."""

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
    """Nothing is written unless a job says what for, and a tag that moves changes nothing here."""
    workflow = yaml.safe_load(file.read_text())
    assert workflow["defaults"] == {"run": {"shell": "bash"}}
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            assert "uses" not in step or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])


@pytest.mark.parametrize(("place", "text"), AIRNUB, ids=[place for place, _ in AIRNUB])
def test_every_airnub_command_is_one(place, text):
    """With options that it has: what a workflow says is read as the command reads it."""
    words = re.sub(r"\"?\$\w+\"?", "x", text).split()
    command: click.Command = main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    command.make_context("airnub", words)


@pytest.mark.parametrize(("place", "text"), RUNS, ids=[place for place, _ in RUNS])
def test_no_failure_is_swallowed(place, text):
    """The exit status of a command inside of another's arguments is nobody's."""
    assert not re.search(r"^\s*(echo|printf) .*\$\(", text, re.MULTILINE)


@pytest.mark.parametrize(("place", "text"), [one for one in RUNS if ".ci/run" in one[1]], ids=lambda one: one)
def test_every_stage_is_one(place, text):
    """Of `.ci/run`."""
    stages = re.findall(r"^(\w+)\(\) \{", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert set(text.split(".ci/run", 1)[1].split()) <= set(stages)


@pytest.mark.system
def test_what_is_affected(run):
    """Both matrices, each as the job after it reads it; the summary says why."""
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
def test_nobody_is_tested_or_built_where_nobody_is_affected(run):
    """The conditions of jobs compare with what the steps before them print then: a matrix of nothing is a mistake."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())["jobs"]
    for text, job in zip(steps("check/affected")[2:], ("tests", "images"), strict=True):
        done, output = run(text, BASE="HEAD")
        assert done.returncode == 0, done.stderr
        assert jobs[job]["if"].endswith(f"!= '{output['matrix']}'")


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


@pytest.mark.system
def test_what_would_be_different(run, clone):
    """Deployments as they are compiled before and after, and the files of the configuration."""
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
    """Said once, as a later step and later jobs read it: they must name the images that were built."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())["jobs"]
    [text] = [one for one in steps("deploy/images") if "--bases" in one]
    done, output = run(text, GITHUB_ENV=str(clone / "env"))
    assert done.returncode == 0, done.stderr
    assert [f"{name}={value}" for name, value in output.items()] == (clone / "env").read_text().splitlines()
    told = {name: re.search(r"steps\.bases\.outputs\.(\w+)", one)[1] for name, one in jobs["images"]["outputs"].items()}
    assert set(told.values()) == set(output)
    for place in ("staging", "production"):
        assert "images" in jobs[place]["needs"]
        for name, output_of in told.items():
            assert jobs[place]["env"][output_of] == f"${{{{ needs.images.outputs.{name} }}}}"


@pytest.mark.system
def test_what_is_deployed(run, clone):
    """The files that are deployed are compiled; applying and deploying have tests of their own, with a server."""
    for place in ("deploy/staging", "deploy/production"):
        [text] = [one for one in steps(place) if "airnub compile" in one]
        done, _ = run(text)
        assert done.returncode == 0, done.stderr
        assert yaml.safe_load((clone / text.split()[-1]).read_text())["deployments"]


def test_what_the_template_left_behind(run):
    """The nightly look at departments."""
    done, _ = run(steps("nightly/template")[1])
    assert done.returncode == 0, done.stderr


def test_what_is_asked_for_known_faults(run, clone):
    """Every package of the lock with its hashes, and no member of the workspace."""
    done, _ = run(steps("nightly/vulnerabilities")[1])
    assert done.returncode == 0, done.stderr
    text = (clone / "requirements.txt").read_text()
    assert re.search(r"^prefect==", text, re.MULTILINE)
    assert re.search(r"^airnub-", text, re.MULTILINE) is None
