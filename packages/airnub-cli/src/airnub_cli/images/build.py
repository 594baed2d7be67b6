"""Builds of images that are missing or out of date, with the reasons; existing images are left alone.

The definition for `docker buildx bake` is generated for each build, and is not committed.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from airnub_cli import subprocesses
from airnub_cli.images.docker_engine import FindBase, ImageEngine, as_written
from airnub_cli.images.image import Image, Inputs, bases, digest_of
from airnub_cli.subprocesses import ProgramError
from airnub_cli.workspace import Workspace

if TYPE_CHECKING:
    from airnub_cli.configuration.registry import Registry

DIGEST, INPUTS = "airnub.digest", "airnub.inputs"
"""Labels with the digest of all inputs of an image, and with the digest of each."""
DEPARTMENT, OWNER = "airnub.department", "airnub.owner"
"""Labels with the department of an image and its owner, from `configs/departments.yaml`."""
OCI = "org.opencontainers.image"
"""Prefix of the labels of the Open Container Initiative; unknown ones are omitted."""


@dataclass(frozen=True, slots=True)
class BuildTarget:
    """An image with the reference that its build gets."""

    image: Image
    reference: str
    """Registry, name and tag."""
    digest: str
    inputs: Mapping[str, str]
    bases: Mapping[str, str] = field(default_factory=dict)
    """Base images by build argument, where they differ from those in the Dockerfile or the environment."""


def definition(workspace: Workspace, wanted: Iterable[BuildTarget]) -> dict[str, Any]:
    """The input of `docker buildx bake`, as JSON.

    Args:
        workspace: the checkout.
        wanted: the images to build; one build of all of them builds shared layers once.

    Returns:
        A target for each image, and the group `default` with all targets.

    Raises:
        ConfigurationError: the registry of departments has mistakes.
    """
    wanted = list(wanted)
    # It imports Pydantic, which `airnub images --help` does not need.
    from airnub_cli.configuration.registry import load_registry

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
    # The remote of a checkout may be a local folder, or contain a password.
    parts = urlsplit(_git(workspace, "config", "--get", "remote.origin.url"))
    return f"https://{parts.hostname}{parts.path}" if parts.scheme == "https" and parts.hostname else None


def _version(workspace: Workspace, image: Image) -> str:
    folder = image.department.folder if image.department else workspace.root / "packages" / "airnub-prefect"
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project.get("version", "0"))


def _git(workspace: Workspace, *arguments: str) -> str:
    try:
        done = subprocesses.run(["git", *arguments], workspace.root)
    except ProgramError:
        return ""
    return done.text.strip() if done.status == 0 else ""


LOCAL_REGISTRY, LOCAL_TAG = "airnub", "local"
"""Registry and tag in the environment `local`, as Compose and its pools expect them."""


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """The planned action for an image."""

    wanted: BuildTarget
    action: Literal["build", "keep"]
    reason: str


def build_plan(
    workspace: Workspace,
    chosen: Iterable[Image],
    engine: ImageEngine,
    *,
    registry: str | None = None,
    push: bool = False,
    find_base: FindBase = as_written,
) -> list[BuildPlan]:
    """Compare existing images with the expected ones, and plan the builds, with reasons.

    Args:
        workspace: the checkout.
        chosen: the images.
        engine: the engine that has existing images.
        registry: the registry, for references `<registry>/<image>:<digest>`; `None` for `airnub/<image>:local`.
        push: look for existing images in the registry instead of on this machine.
        find_base: resolves the name of a base image to the content that is built on.

    Returns:
        A plan for each image, in the order of `chosen`.

    Raises:
        WorkspaceError: the inputs of an image cannot be read.
        EngineError: the engine or the registry does not answer.
    """
    plans, inputs = [], Inputs(workspace, find_base=find_base)
    for image in chosen:
        parts = inputs.of(image)
        digest = digest_of(parts)
        name = f"{registry}/{image.name}:{digest}" if registry else f"{LOCAL_REGISTRY}/{image.name}:{LOCAL_TAG}"
        pinned = {argument: find_base(one).pinned for argument, one in bases(workspace, image).items()}
        wanted = BuildTarget(image, name, digest, parts, pinned)
        if registry and push:
            there = engine.pushed(name)
            reason = "the registry has it" if there else "the registry does not have it"
        else:
            there, reason = _compared(wanted, engine.labels(name))
            reason += "; --push looks in the registry instead" if registry else ""
        plans.append(BuildPlan(wanted, "keep" if there else "build", reason))
    return plans


def carry_out(workspace: Workspace, plans: Iterable[BuildPlan], engine: ImageEngine, *, push: bool = False) -> None:
    """Build all planned images with one command.

    Raises:
        EngineError: the build failed.
    """
    missing = [one.wanted for one in plans if one.action == "build"]
    if missing:
        engine.bake(definition(workspace, missing), push=push)


def _compared(wanted: BuildTarget, labels: Mapping[str, str] | None) -> tuple[bool, str]:
    if labels is None:
        return False, "there is no such image"
    found = labels.get(DIGEST)
    if found is None:
        return False, "it has no label with its inputs; Compose or a different tool built it"
    if found == wanted.digest:
        return True, "its inputs are the same"
    before = json.loads(labels.get(INPUTS, "{}"))
    changed = [name for name, value in wanted.inputs.items() if before.get(name) != value]
    changed += [f"{name} (gone)" for name in before if name not in wanted.inputs]
    return False, f"changed: {', '.join(changed)}"
