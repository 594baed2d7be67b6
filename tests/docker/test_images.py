"""Built images: their contents, and the user that they run as."""

import json
import re
import shutil
import subprocess

import pytest
from docker_system import DEPARTMENT, PREFECT, ROOT, SETUP, docker

TOOLS = ("gcc", "cc", "g++", "make", "git", "uv", "cargo")


@pytest.fixture(autouse=True)
def _images(images):
    """Built before the first test."""


def run(image, *command, options=(), **more):
    return docker("run", "--rm", *options, image, *command, **more)


def python(image, code, *options):
    return run(image, "python", "-c", code, options=options).stdout.strip()


@pytest.mark.parametrize("image", [DEPARTMENT, PREFECT, SETUP])
def test_it_runs_as_a_user_that_may_not_write_its_code(image):
    """Not as root, and the user does not own the environment."""
    assert python(image, "import os, sys; print(os.getuid(), os.access(sys.prefix, os.W_OK))") == "10001 False"


@pytest.mark.parametrize("options", [(), ("--user", "4242:4242"), ("--read-only", "--tmpfs", "/tmp")])
def test_every_flow_can_be_imported(options):
    """As any user, and with a read-only root file system."""
    done = run(DEPARTMENT, "project-alpha", "list", "--json", options=(*options, "--network", "none"))
    assert [row["stage"] for row in json.loads(done.stdout)] == ["ingestion", "processing", "analysis", "pipeline"]


def test_it_needs_nothing_of_root():
    """It runs without capabilities, new privileges and a network."""
    options = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    assert (
        "project-alpha-ingestion"
        in run(
            DEPARTMENT,
            "python",
            "-m",
            "airnub_prefect.image_check",
            "project_alpha",
            options=(*options, "--network", "none"),
        ).stdout
    )


def test_a_department_holds_its_own_code_alone():
    """No other department, no `airnub` command, no research dependencies, and no sources outside of the package."""
    names = set(json.loads(python(DEPARTMENT, _PACKAGES)))
    assert {"project-alpha", "airnub-common", "airnub-core", "airnub-prefect", "prefect"} <= names
    assert not names & {"department-template", "airnub-cli", "prefect-docker", "scikit-learn", "pytest", "uv"}
    found = run(DEPARTMENT, "find", "/", "-xdev", "-path", "*department_template*", check=False).stdout
    found += run(DEPARTMENT, "find", "/app", "/home", "-name", "pyproject.toml", check=False).stdout
    assert found == ""


def test_the_server_and_workers_hold_no_department():
    """They only have their own packages."""
    names = set(json.loads(python(PREFECT, _PACKAGES)))
    assert {"prefect", "prefect-docker", "airnub-prefect"} <= names
    assert not names & {"project-alpha", "department-template", "airnub-cli", "matplotlib"}


_PACKAGES = (
    "import json; from importlib.metadata import distributions; "
    "print(json.dumps([one.metadata['Name'].lower() for one in distributions()]))"
)


@pytest.mark.parametrize("image", [DEPARTMENT, PREFECT])
def test_versions_are_those_of_the_lock(image):
    """For every package, independent of the registry; none is a link to sources."""
    lock = (ROOT / "uv.lock").read_text()
    locked = set(re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', lock))
    code = (
        "import json; from importlib.metadata import distributions; "
        "print(json.dumps([(d.metadata['Name'].lower().replace('_', '-').replace('.', '-'), d.version, "
        "d.read_text('direct_url.json')) for d in distributions(path=['/app/.venv/lib/python3.13/site-packages'])]))"
    )
    found = json.loads(python(image, code))
    assert len(found) > 50
    assert [one[:2] for one in found if tuple(one[:2]) not in locked] == []
    assert [one for one in found if '"editable": true' in (one[2] or "")] == []


@pytest.mark.parametrize("image", [DEPARTMENT, PREFECT])
def test_there_are_no_tools_to_build_with(image):
    """No compilers or installers, except those of the base image."""
    assert run(image, "sh", "-c", f"for one in {' '.join(TOOLS)}; do command -v $one; done; true").stdout == ""


@pytest.mark.parametrize("image", [DEPARTMENT, PREFECT, SETUP])
def test_there_are_no_secrets(image, tmp_path):
    """Neither in its history nor in its files, although its checkout has a `.env`."""
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).stdout
    environment = docker("image", "inspect", "--format", "{{json .Config.Env}}", image).stdout
    assert not re.search(r"(?i)password|token|secret(?!,id=uv\.toml)|api_key", history + environment)
    assert run(image, "find", "/", "-xdev", "-name", ".env*", check=False).stdout == ""
    assert (
        run(image, "sh", "-c", "ls -A /home/airnub /tmp /mnt /root 2>/dev/null | grep -v :$ | xargs").stdout.strip()
        == ""
    )


def test_a_secret_of_the_checkout_stays_there(tmp_path):
    """The build context only has files that `.dockerignore` lists."""
    shutil.copy(ROOT / ".dockerignore", tmp_path)
    wanted = ["uv.lock", "packages/a/src/a/x.py", "departments/d/apt-packages.txt", "configs/variables/d/s.yaml"]
    unwanted = [
        ".env", "configs/.env", "departments/d/.env.local", "departments/d/src/d/__pycache__/x.pyc", "data/x",
        "departments/d/tests/test_x.py", ".git/config", "packages/a/tests/conftest.py", "notes.txt",
    ]  # fmt: skip
    for path in (*wanted, *unwanted):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    (tmp_path / "configs" / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    out = tmp_path.with_name(f"{tmp_path.name}-out")
    subprocess.run(
        [
            "docker",
            "buildx",
            "build",
            "--quiet",
            "--file",
            tmp_path / "configs" / "Dockerfile",
            "--output",
            out,
            tmp_path,
        ],
        check=True,
    )
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    # `setup` computes tags of images, and what a build may read is part of them.
    assert found - {"configs/Dockerfile", ".dockerignore"} == set(wanted)


@pytest.mark.parametrize("image", [DEPARTMENT, PREFECT, SETUP])
def test_labels_are_right_or_absent(image):
    """Labels of the Open Container Initiative; Compose, which built the image, does not set the commit."""
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", image).stdout)
    assert labels["org.opencontainers.image.title"].startswith("airnub ")
    assert "unknown" not in labels.values()


@pytest.mark.parametrize("image", [DEPARTMENT, PREFECT, SETUP])
def test_nothing_installs_packages_or_gives_rights(image):
    """No pip, no apt, no setuid or setgid file."""
    tools = "-path */bin/pip* -o -path */bin/apt* -o -path *-packages/pip -o -name ensurepip"
    as_root = ("--user", "root", "--entrypoint", "find")
    assert run(image, "/", "-xdev", "(", *tools.split(), ")", options=as_root).stdout == ""
    assert run(image, "/", "-xdev", "-type", "f", "-perm", "/6000", options=as_root).stdout == ""


def test_a_lock_line_of_another_department_changes_no_layer(tmp_path):
    """Nor the id of the image; a line of its own packages does."""

    def build():
        command = ["docker", "buildx", "build", "--quiet", "--load", "--file", "infra/docker/Dockerfile"]
        command += ["--target", "department", "--build-arg", "DEPARTMENT=project_alpha", "--tag", f"{tag}:x", "."]
        subprocess.run(command, cwd=tmp_path / "copy", check=True, capture_output=True)
        return docker("image", "inspect", "--format", "{{json .RootFS.Layers}} {{.Id}}", f"{tag}:x").stdout

    tag = "airnub-test-lock"
    copied = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for name in filter(None, copied):
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "copy" / name)
    try:
        before = build()
        for department, same in (("department-template", True), ("project-alpha", False)):
            lock = tmp_path / "copy" / "uv.lock"
            head, rest = lock.read_text().split(f'name = "{department}"\nversion', 1)
            rest = rest.replace("dependencies = [\n", 'dependencies = [\n    { name = "iniconfig" },\n', 1)
            lock.write_text(f'{head}name = "{department}"\nversion{rest}')
            assert (build() == before) is same
    finally:
        docker("image", "rm", "--force", f"{tag}:x", check=False)


def test_a_flow_that_cannot_be_imported_makes_no_image(tmp_path):
    """The build fails with the reason, and `airnub images` exits with 1."""
    copied = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for name in filter(None, copied):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    flow = tmp_path / "departments/project_alpha/src/project_alpha/flows/analysis.py"
    flow.write_text(f"import a_package_that_nobody_declared\n{flow.read_text()}")
    command = ["docker", "buildx", "build", "--file", "infra/docker/Dockerfile", "--target", "department"]
    command += ["--build-arg", "DEPARTMENT=project_alpha", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "No module named 'a_package_that_nobody_declared'" in done.stderr


def test_layers_that_departments_share_do_not_know_for_whom_they_are():
    """The department's build argument would make a separate copy of them; only the check of flows uses it."""
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", DEPARTMENT).stdout
    knowing = [line for line in history.splitlines() if line.startswith("RUN |")]
    assert [line for line in knowing if "airnub_prefect.image_check" not in line] == []
