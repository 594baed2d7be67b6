"""Building: what is built, and why; what exists is left alone."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from airnub_cli.images.bake import DIGEST, INPUTS, BuildTarget, definition
from airnub_cli.images.base_images import FindBase, as_written
from airnub_cli.images.digest import digest_of
from airnub_cli.images.docker_engine import ImageEngine
from airnub_cli.images.image import Image
from airnub_cli.images.inputs import Inputs, bases
from airnub_cli.workspace import Workspace

LOCAL_REGISTRY, LOCAL_TAG = "airnub", "local"
"""In the `local` environment, where Compose and its pools look for them."""


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """What is to be done about an image."""

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
    """Look at what exists, and say what has to be built and why.

    Args:
        workspace: the checkout.
        chosen: which images.
        engine: where they are looked for.
        registry: names are `<registry>/<image>:<digest>`; without one they are the local ones, `airnub/<image>:local`.
        push: the registry itself is asked, not this machine.
        find_base: says which content the name of a base image stands for; that is built on.

    Returns:
        A plan for each, in the order given.

    Raises:
        WorkspaceError: the inputs of one cannot be read.
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
            reason = "its registry has it" if there else "its registry does not have it"
        else:
            there, reason = _compared(wanted, engine.labels(name))
            reason += "; its registry was not asked, --push does" if registry else ""
        plans.append(BuildPlan(wanted, "keep" if there else "build", reason))
    return plans


def carry_out(workspace: Workspace, plans: Iterable[BuildPlan], engine: ImageEngine, *, push: bool = False) -> None:
    """Build what is to be built, all in one go.

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
        return False, "it does not say what it was built from; Compose or somebody else built it"
    if found == wanted.digest:
        return True, "built from the same"
    before = json.loads(labels.get(INPUTS, "{}"))
    changed = [name for name, value in wanted.inputs.items() if before.get(name) != value]
    changed += [f"{name} (gone)" for name in before if name not in wanted.inputs]
    return False, f"changed: {', '.join(changed)}"
