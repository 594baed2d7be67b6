"""Bake: what `docker buildx bake` is told. Nothing of it is committed: it follows from the workspace."""

import json
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from airnub_cli.configuration.registry import Registry, load_registry
from airnub_cli.images.image import Image
from airnub_cli.images.inputs import bases
from airnub_cli.workspace import Workspace

DIGEST, INPUTS = "airnub.digest", "airnub.inputs"
"""Labels: what an image was built from, as one digest and by part."""
DEPARTMENT, OWNER = "airnub.department", "airnub.owner"
"""Labels: whose an image is, as `configs/departments.yaml` says it."""
OCI = "org.opencontainers.image"
"""Labels as the Open Container Initiative names them; one that is not known is left out."""


@dataclass(frozen=True, slots=True)
class BuildTarget:
    """An image, and what it is to be called."""

    image: Image
    reference: str
    """Registry, name and tag."""
    digest: str
    inputs: Mapping[str, str]
    bases: Mapping[str, str] = field(default_factory=dict)
    """By build argument, those that are told otherwise than the Dockerfile or the environment names them."""


def definition(workspace: Workspace, wanted: Iterable[BuildTarget]) -> dict[str, Any]:
    """The file for `bake`, as JSON.

    Args:
        workspace: the checkout.
        wanted: what to build; all of it in one go, so that layers which they share are built once.

    Returns:
        Its content: a target for each image, and the group `default` of them all.

    Raises:
        ConfigurationError: the registry, which says whose a department is, has mistakes.
    """
    wanted = list(wanted)
    registry = load_registry(workspace.root)
    known = {"revision": _revision(workspace), "source": _source(workspace)}
    targets = {
        one.image.name: {
            "context": ".",
            "dockerfile": one.image.dockerfile,
            "target": one.image.target,
            "args": {**bases(workspace, one.image), **one.bases, **one.image.arguments},
            "tags": [one.reference],
            "labels": {
                DIGEST: one.digest, INPUTS: json.dumps(one.inputs), **_whose(registry, one.image),
                **{f"{OCI}.{name}": value for name, value in known.items() if value},
                f"{OCI}.version": _version(workspace, one.image),
            },
        }
        for one in wanted
    }  # fmt: skip
    return {"group": {"default": {"targets": list(targets)}}, "target": targets}


def _whose(registry: Registry, image: Image) -> dict[str, str]:
    registered = registry.named(image.department.module) if image.department else None
    return {DEPARTMENT: registered.id, OWNER: registered.owner} if registered else {}


def _revision(workspace: Workspace) -> str | None:
    revision = _git(workspace, "rev-parse", "HEAD")
    if revision and _git(workspace, "status", "--porcelain"):
        return f"{revision}-changed"
    return revision or None


def _source(workspace: Workspace) -> str | None:
    # Where a checkout comes from may be a folder of somebody's machine, or hold a password.
    parts = urlsplit(_git(workspace, "config", "--get", "remote.origin.url"))
    return f"https://{parts.hostname}{parts.path}" if parts.scheme == "https" and parts.hostname else None


def _version(workspace: Workspace, image: Image) -> str:
    folder = image.department.folder if image.department else workspace.root / "packages" / "airnub-prefect"
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project.get("version", "0"))


def _git(workspace: Workspace, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=workspace.root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
