"""The command `airnub affected`."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main


@pytest.fixture
def invoke(checkout, monkeypatch):
    """Run the command inside the checkout."""
    monkeypatch.chdir(checkout.root)
    return lambda *arguments: CliRunner().invoke(main, ["affected", "--base", "main", *arguments])


@pytest.fixture
def touched(checkout):
    """Change a source of the package that all depend on, and tests of a department."""
    checkout.write("packages/airnub-core/src/airnub_core/__init__.py")
    checkout.write("departments/alpha/tests/test_it.py")
    checkout.write("docs/how.md")
    checkout.write("LICENSE")


@pytest.mark.usefixtures("touched")
def test_text_is_for_people(invoke):
    """Name, concerns and reasons are on stdout; the summary is on stderr."""
    result = invoke()
    assert result.exit_code == 0
    assert "department alpha: image, tests, deployment\n" in result.stdout
    assert "  packages/airnub-core/src/airnub_core/__init__.py → airnub-core → alpha\n" in result.stdout
    assert "no effect: LICENSE" in result.stderr


@pytest.mark.usefixtures("touched")
def test_json_is_for_scripts(invoke):
    """One document: departments, packages, images, tests of the workspace."""
    rows = json.loads(invoke("--format", "json").stdout)
    assert [(row["kind"], row["name"]) for row in rows] == [
        ("department", "_template"), ("department", "alpha"), ("department", "beta"),
        ("package", "airnub-core"), ("package", "airnub-prefect"), ("image", "prefect"),
        ("workspace", "tests/test_documentation.py"),
    ]  # fmt: skip
    assert rows[1] == {
        "name": "alpha",
        "kind": "department",
        "concerns": ["image", "tests", "deployment"],
        "reasons": [
            "departments/alpha/tests/test_it.py → alpha",
            "packages/airnub-core/src/airnub_core/__init__.py → airnub-core → alpha",
        ],
    }


@pytest.mark.usefixtures("touched")
@pytest.mark.parametrize(
    ("arguments", "matrix"),
    [
        ([], {"department": ["alpha", "beta"]}),
        (["--concern", "image"], {"department": ["alpha", "beta"]}),
        (["--concern", "tests"], {"department": ["_template", "alpha", "beta"]}),
        (["--kind", "package"], {"package": ["airnub-core", "airnub-prefect"]}),
        (["--kind", "image", "--concern", "image"], {"image": ["prefect"]}),
        (
            ["--kind", "department", "--kind", "image", "--concern", "image"],
            {
                "include": [
                    {"name": "alpha", "kind": "department"},
                    {"name": "beta", "kind": "department"},
                    {"name": "prefect", "kind": "image"},
                ]
            },
        ),
    ],
)
def test_a_matrix_is_for_workflows(invoke, arguments, matrix):
    """Departments by name; other kinds on request, several kinds in one list."""
    assert json.loads(invoke("--format", "github-matrix", *arguments).stdout) == matrix


@pytest.mark.parametrize(
    ("kinds", "matrix"),
    [
        ([], '{"department": []}'),
        (["--kind", "image", "--kind", "package"], '{"include": []}'),
        (["--groups", "9"], '{"group": []}'),
    ],
)
def test_an_empty_matrix(invoke, kinds, matrix):
    """The key exists, so that a workflow can check whether it has entries."""
    result = invoke("--format", "github-matrix", *kinds)
    assert (result.exit_code, result.stdout) == (0, f"{matrix}\n")


@pytest.mark.usefixtures("touched")
def test_one_concern(invoke):
    """Only targets with that concern are listed, with its reasons."""
    [alpha] = [
        row for row in json.loads(invoke("--format", "json", "--concern", "image").stdout) if row["name"] == "alpha"
    ]
    assert alpha["reasons"] == ["packages/airnub-core/src/airnub_core/__init__.py → airnub-core → alpha"]


def test_many_reasons_are_not_all_shown(checkout, invoke):
    """Text has the first five, JSON has all."""
    lock = (checkout.root / "uv.lock").read_text()
    names = [f"more-{at}" for at in range(7)]
    blocks = "".join(
        f'\n[[package]]\nname = "{name}"\nversion = "1"\nsource = {{ registry = "x" }}\n' for name in names
    )
    lines = "".join(f'    {{ name = "{name}" }},\n' for name in names)
    checkout.write(
        "uv.lock", lock.replace('    { name = "joblib" },\n', f'    {{ name = "joblib" }},\n{lines}') + blocks
    )
    base = checkout.commit()
    checkout.write("uv.lock", (checkout.root / "uv.lock").read_text().replace('version = "1"', 'version = "2"'))
    said = CliRunner().invoke(main, ["affected", "--base", base]).stdout
    assert said.count("lock: more-") == 5
    assert "and 2 more reasons; --format json has all" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--base", "nowhere"], "expected a commit that git knows"),
        ([], "Missing option '--base'"),
        (["--base", "main", "--groups", "2"], "expected --format github-matrix with --groups, found text"),
    ],
)
def test_a_mistake_of_the_caller(checkout, monkeypatch, arguments, message):
    """Exit status 2, nothing on stdout."""
    monkeypatch.chdir(checkout.root)
    result = CliRunner().invoke(main, ["affected", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_outside_of_a_workspace(tmp_path, monkeypatch):
    """Exit status 2."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["affected", "--base", "main"])
    assert result.exit_code == 2
    assert "expected a uv workspace" in result.stderr


def test_it_does_not_wait_for_prefect(checkout):
    """Prefect is not imported, which would take longer than everything else."""
    code = (
        "import sys; from airnub_cli.__main__ import main; main(['affected', '--base', 'main'], standalone_mode=False);"
        "sys.exit('prefect' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=checkout.root, check=False).returncode == 0
