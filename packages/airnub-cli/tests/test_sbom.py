"""Licences: what packages say, in the ways that they say it.
Platform: what of a lock for all systems is in an image.
The command, with a real uv and a lock without dependencies of others.
"""

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
def test_what_a_package_says(monkeypatch, lines, expected):
    """The most exact of what there is; the text of a licence is no name of one."""
    metadata = Message()
    for name, value in lines:
        metadata[name] = value
    monkeypatch.setattr(sbom, "distribution", lambda name: SimpleNamespace(metadata=metadata))
    assert licence_of("x") == expected


def test_what_is_not_installed():
    """Is unknown; what is says something."""
    assert licence_of("a-package-that-nobody-has") == UNKNOWN
    assert "MIT" in licence_of("pytest")


def component(name, marker=None):
    """As uv exports it."""
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
def test_who_is_installed(marker, python, kept):
    """On Linux, with the Python of the base; in doubt it is told."""
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
    """Runs `airnub sbom` in a workspace with a lock; one of its members needs `iniconfig`."""
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


def test_a_bill(run, checkout):
    """Of the image, by its digest, with all that it holds; the same each time."""
    done = run("top-one")
    assert done.exit_code == 0, done.stderr
    bill = json.loads(done.stdout)
    component = bill["metadata"]["component"]
    assert (component["type"], component["name"], len(component["version"])) == ("container", "top-one", 32)
    assert {one["name"] for one in bill["components"]} >= {"base", "middle"}
    assert "serialNumber" not in bill
    assert run("top_one").stdout == done.stdout


def test_into_a_folder(run, checkout):
    """A file for each image."""
    done = run("top-one", "-o", "bills")
    assert done.exit_code == 0, done.stderr
    assert json.loads((checkout / "bills" / "top-one.cdx.json").read_text())["bomFormat"] == "CycloneDX"
    assert "is written" in done.stderr


def test_licences(run, monkeypatch):
    """Of others alone, and how many there are of each."""
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
    """An image that is none; a lock that is gone."""
    assert "expected the name of an image" in run("nobody").stderr
    (checkout / "uv.lock").unlink()
    done = run("top-one")
    assert done.exit_code == 2
    assert "uv" in done.stderr
