"""An image: its name, and what it is built from."""

from dataclasses import dataclass
from pathlib import Path

from airnub_cli.workspace import Member, Workspace, WorkspaceError

DOCKERFILE = "infra/docker/Dockerfile"
"""Of every department that has none of its own, and of `prefect`."""
PREFECT = "prefect"
KUBERNETES = "prefect-kubernetes"
"""The same with the worker of Kubernetes pools: built only when it is asked for."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image."""

    name: str
    """Without registry and tag: `project-alpha`."""
    dockerfile: str
    """Relative to the root of the workspace."""
    target: str
    """The stage of the Dockerfile."""
    package: str
    """What is installed, with all that it stands on."""
    extras: tuple[str, ...] = ()
    """Of the package."""
    department: Member | None = None

    @property
    def arguments(self) -> dict[str, str]:
        """Build arguments that are its own."""
        return {"DEPARTMENT": self.department.folder.name} if self.department else {}


def images(workspace: Workspace) -> dict[str, Image]:
    """Every image, by its name: `prefect` last. The template is in none."""
    members = [one for one in workspace.members.values() if one.kind == "department" and one.folder.name[0] != "_"]
    found = {one.name: _of(workspace, one) for one in members}
    return found | {PREFECT: Image(PREFECT, DOCKERFILE, "prefect", "airnub-prefect", ("worker",))}


def kubernetes_image() -> Image:
    """The image of the server and the workers where they run on Kubernetes."""
    return Image(KUBERNETES, DOCKERFILE, KUBERNETES, "airnub-prefect", ("worker", "kubernetes"))


def image_named(workspace: Workspace, name: str) -> Image:
    """The image of a department, by any name of the department, or one of those that are nobody's.

    Raises:
        WorkspaceError: there is none of that name.
    """
    return Named(workspace).one(name)


class Named:
    """All images by every name that they go by, asked for many of them."""

    def __init__(self, workspace: Workspace) -> None:
        """Look at the workspace."""
        self._images = images(workspace) | {KUBERNETES: kubernetes_image()}
        self._by_folder = {one.department.folder.name: one for one in self._images.values() if one.department}

    def one(self, name: str) -> Image:
        """The image of that name.

        Raises:
            WorkspaceError: there is none.
        """
        known = self._images.get(name) or self._by_folder.get(name)
        if known is None:
            raise WorkspaceError(f"expected the name of an image, found {name!r}; there are {', '.join(self._images)}")
        return known


def dockerfile_of(root: Path, folder: str) -> str:
    """What a department is built by, relative to the root of the workspace: its own, or that of all."""
    own = f"{folder}/Dockerfile"
    return own if (root / own).is_file() else DOCKERFILE


def _of(workspace: Workspace, member: Member) -> Image:
    dockerfile = dockerfile_of(workspace.root, member.folder.relative_to(workspace.root).as_posix())
    return Image(member.name, dockerfile, "department", member.name, department=member)
