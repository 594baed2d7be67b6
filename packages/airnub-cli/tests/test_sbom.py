"""`airnub sbom`: licences of packages, platforms, and the command with a real uv."""

import json
import subprocess
from email.message import Message
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from airnub_cli import sbom
from airnub_cli import sbom as bills
from airnub_cli.__main__ import main
from airnub_cli.sbom import UNKNOWN, licence_of, only_installed
from airnub_cli.subprocesses import Completed
from airnub_cli.workspace import WorkspaceError


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("License-Expression", "MIT OR Apache-2.0"), ("License", "other")], "MIT OR Apache-2.0"),
        ([("Classifier", "License :: OSI Approved :: MIT License"), ("License", "x")], "MIT License"),
        ([("Classifier", f"License :: OSI Approved :: {one}") for one in ("A", "B")], "A OR B"),
        ([("Classifier", "Programming Language :: Python"), ("License", " BSD-3-Clause ")], "BSD-3-Clause"),
        ([("License", "Permission is hereby granted, " * 9)], UNKNOWN),
        ([("License", "")], UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_the_licence_of_a_package(monkeypatch, lines, expected):
    """The most exact declaration counts; the text of a licence is not its name."""
    metadata = Message()
    for name, value in lines:
        metadata[name] = value
    monkeypatch.setattr(sbom, "distribution", lambda name: SimpleNamespace(metadata=metadata))
    assert licence_of("x") == expected


def test_a_package_that_is_not_installed():
    """Its licence is unknown."""
    assert licence_of("a-package-that-nobody-has") == UNKNOWN
    assert "MIT" in licence_of("pytest")


def component(name, marker=None):
    """A component in the format of uv."""
    properties = {"properties": [{"name": "uv:package:marker", "value": marker}]} if marker else {}
    return {"bom-ref": name, "name": name, "version": "1"} | properties


@pytest.mark.parametrize(
    ("marker", "python", "kept"),
    [
        (None, "3.13", True),
        ("sys_platform == 'win32'", "3.13", False),
        ("sys_platform == 'win32'", None, False),
        ("sys_platform != 'win32'", "3.13", True),
        ("platform_machine == 'aarch64'", "3.13", True),
        ("platform_machine == 's390x'", "3.13", False),
        ("python_full_version < '3.12'", "3.13", False),
        ("python_full_version < '3.12'", "3.11", True),
        ("python_full_version < '3.12'", None, True),
        ("python_full_version < '3.13.4'", "3.13", True),
        ("python_full_version >= '3.13.4'", "3.13", True),
        ("implementation_name != 'PyPy'", "3.13", True),
    ],
)
def test_components_on_linux(marker, python, kept):
    """With the Python of the base image; a component that may be installed is kept."""
    bill = {
        "bomFormat": "CycloneDX",
        "components": [component("a"), component("b", marker)],
        "dependencies": [{"ref": "a", "dependsOn": ["b"]}, {"ref": "b"}],
    }
    found = only_installed(bill, python)
    assert found["bomFormat"] == "CycloneDX"
    assert [one["name"] for one in found["components"]] == (["a", "b"] if kept else ["a"])
    assert found["dependencies"] == (bill["dependencies"] if kept else [{"ref": "a", "dependsOn": []}])


@pytest.fixture
def run(checkout, monkeypatch):
    """Run `airnub sbom` in a workspace with a lock, one member of which needs `iniconfig`."""
    dockerfile = checkout / "infra" / "docker" / "Dockerfile"
    dockerfile.parent.mkdir(parents=True)
    dockerfile.write_text("ARG PYTHON_IMAGE=python:3\n")
    (checkout / ".dockerignore").touch()
    (checkout / "departments/top_one/pyproject.toml").write_text(
        (checkout / "departments/top_one/pyproject.toml").read_text().replace("middle[more]>=0", "middle")
    )
    middle = checkout / "packages/middle/pyproject.toml"
    middle.write_text(middle.read_text().partition("[project.optional-dependencies]")[0] + _BUILD)
    sources = "\n[tool.uv.sources]\nbase = { workspace = true }\nmiddle = { workspace = true }\n"
    for path in (middle, checkout / "departments/top_one/pyproject.toml"):
        path.write_text(path.read_text() + sources)
    subprocess.run(["uv", "lock", "--quiet", "--offline"], cwd=checkout, check=True)
    monkeypatch.chdir(checkout)
    return lambda *arguments: CliRunner().invoke(main, ["sbom", *arguments])


_BUILD = '[build-system]\nrequires = ["uv_build>=0.9,<1"]\nbuild-backend = "uv_build"\n'


def test_an_sbom(run, checkout):
    """It has the image's digest and all packages, and is the same each time."""
    done = run("top-one")
    assert done.exit_code == 0, done.stderr
    bill = json.loads(done.stdout)
    component = bill["metadata"]["component"]
    assert (component["type"], component["name"], len(component["version"])) == ("container", "top-one", 32)
    assert {one["name"] for one in bill["components"]} >= {"base", "middle"}
    assert "serialNumber" not in bill
    assert run("top_one").stdout == done.stdout


def test_into_a_folder(run, checkout):
    """One file per image."""
    done = run("top-one", "-o", "bills")
    assert done.exit_code == 0, done.stderr
    assert json.loads((checkout / "bills" / "top-one.cdx.json").read_text())["bomFormat"] == "CycloneDX"
    assert "is written" in done.stderr


def test_licences(run, monkeypatch):
    """Third-party packages only, with the number of each licence."""
    exported = {
        "metadata": {"component": {"bom-ref": "x"}},
        "components": [
            {"name": "pytest", "version": "1"},
            {"name": "nobody-has-it", "version": "2"},
            {"name": "base", "version": "0", "properties": [{"name": "uv:workspace:path", "value": "packages/base"}]},
        ],
    }
    monkeypatch.setattr(bills, "_exported", lambda workspace, image: exported)
    done = run("top-one", "--licences")
    first, second = done.stdout.splitlines()
    assert first.split() == ["nobody-has-it", "2", "unknown", "top-one"]
    assert second.split()[:2] == ["pytest", "1"]
    assert "1 unknown" in done.stderr


def test_mistakes(run, checkout):
    """An unknown image; a missing lock."""
    assert "expected the name of an image" in run("nobody").stderr
    (checkout / "uv.lock").unlink()
    done = run("top-one")
    assert done.exit_code == 2
    assert "uv" in done.stderr


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("error: Failed to parse `uv.lock`", "; run `uv lock`"),
        ("error: Unable to find lockfile at `uv.lock`. To create a lockfile, run `uv lock`", ""),
        ("error: The workspace does not have a member top-one", ""),
    ],
)
def test_the_lock_is_advised_only_if_it_is_the_cause(monkeypatch, tmp_path, said, advice):
    """An error of `uv export` has the command for the lock once, and only if the lock is wrong."""
    monkeypatch.setattr(sbom.subprocesses, "run", lambda *_: Completed(2, b"", said.encode()))
    image = SimpleNamespace(extras=(), package="top-one")
    with pytest.raises(WorkspaceError) as caught:
        sbom._exported(SimpleNamespace(root=tmp_path), image)
    assert str(caught.value) == f"expected `uv export` to succeed, found: {said}{advice}"
