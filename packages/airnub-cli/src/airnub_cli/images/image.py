"""Images: their names, and the digest of all inputs of an image, which is its tag and known before the build.

The whole names are made in `build`: `<registry>/<name>:<digest>`, and in the environment `local` `airnub/<name>:local`.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from airnub_cli.images.docker_engine import FindBase, as_written
from airnub_cli.lock import FILE as LOCK
from airnub_cli.lock import Lock, load_lock
from airnub_cli.workspace import Member, Workspace, WorkspaceError

DOCKERFILE = "infra/docker/Dockerfile"
"""The Dockerfile of `prefect`, and of all departments without one of their own."""
PREFECT = "prefect"
KUBERNETES = "prefect-kubernetes"
"""`prefect` with the worker of Kubernetes pools; built only if it is named."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the workspace."""

    name: str
    """The name without registry and tag: `project-alpha`."""
    dockerfile: str
    """The path of its Dockerfile, relative to the root of the workspace."""
    target: str
    """The stage of the Dockerfile."""
    package: str
    """The installed package; its dependencies are included."""
    extras: tuple[str, ...] = ()
    """The installed extras of the package."""
    department: Member | None = None

    @property
    def arguments(self) -> dict[str, str]:
        """Build arguments of this image, without those that name base images."""
        return {"DEPARTMENT": self.department.folder.name} if self.department else {}


def images(workspace: Workspace) -> dict[str, Image]:
    """All images by name, `prefect` last, without that for Kubernetes; the template has none."""
    members = [one for one in workspace.members.values() if one.kind == "department" and one.folder.name[0] != "_"]
    found = {one.name: _of(workspace, one) for one in members}
    return found | {PREFECT: Image(PREFECT, DOCKERFILE, "prefect", "airnub-prefect", ("worker",))}


def kubernetes_image() -> Image:
    """The image of server and workers on Kubernetes."""
    return Image(KUBERNETES, DOCKERFILE, KUBERNETES, "airnub-prefect", ("worker", "kubernetes"))


def image_named(workspace: Workspace, name: str) -> Image:
    """Find an image by its name; a department's image also by the department's folder or package.

    Raises:
        WorkspaceError: there is no image of this name.
    """
    return Named(workspace).one(name)


class Named:
    """Finds images by name, with an index that is built once."""

    def __init__(self, workspace: Workspace) -> None:
        """List the images of a workspace."""
        self._images = images(workspace) | {KUBERNETES: kubernetes_image()}
        self._by_folder = {one.department.folder.name: one for one in self._images.values() if one.department}

    def one(self, name: str) -> Image:
        """Find an image as `image_named` does.

        Raises:
            WorkspaceError: there is no image of this name.
        """
        known = self._images.get(name) or self._by_folder.get(name)
        if known is None:
            raise WorkspaceError(f"expected the name of an image, found {name!r}; there are {', '.join(self._images)}")
        return known


def dockerfile_of(root: Path, folder: str) -> str:
    """The Dockerfile of a department, relative to the root of the workspace: its own, else the shared one."""
    own = f"{folder}/Dockerfile"
    return own if (root / own).is_file() else DOCKERFILE


def _of(workspace: Workspace, member: Member) -> Image:
    dockerfile = dockerfile_of(workspace.root, member.folder.relative_to(workspace.root).as_posix())
    return Image(member.name, dockerfile, "department", member.name, department=member)


BASES = ("PYTHON_IMAGE", "UV_IMAGE")
"""Build arguments that name base images; environment variables override the Dockerfile."""
RECIPES = "infra/docker"
"""The folder with the scripts that builds run."""
_FILES = ("pyproject.toml", "README.md", "apt-packages.txt", "src")
_ARG = re.compile(r"^ARG (\w+)=(\S+)", re.MULTILINE)
_PART_LENGTH = 16


def inputs(
    workspace: Workspace,
    image: Image,
    environment: Mapping[str, str] = os.environ,
    find_base: FindBase = as_written,
) -> dict[str, str]:
    """The inputs of an image's build, each as a digest.

    Of the lock, only the packages that this image installs are inputs, so other departments' packages do not change it.
    Of a member, only the files that the build can read (`.dockerignore`) are inputs, so tests and caches do not change
    it.

    Args:
        workspace: the checkout.
        image: the image.
        environment: the environment variables, which may name other base images.
        find_base: resolves the name of a base image to its content.

    Returns:
        Digests by the name of the input, in a fixed order.

    Raises:
        WorkspaceError: the lock has no such package.
    """
    return Inputs(workspace, environment, find_base).of(image)


class Inputs:
    """The inputs of many images; inputs that several images share are read once."""

    def __init__(
        self,
        workspace: Workspace,
        environment: Mapping[str, str] = os.environ,
        find_base: FindBase = as_written,
    ) -> None:
        """Initialise; files are read later, once each, and must not change in between."""
        self._workspace = workspace
        self._environment = environment
        self._find_base = find_base
        self._folders: dict[str, str] = {}
        self._recipes: dict[str, str] = {}

    def of(self, image: Image) -> dict[str, str]:
        """The inputs of an image, as `inputs` returns them."""
        locked = self._lock.slice(image.package, image.extras)
        root = self._workspace.root
        named = bases(self._workspace, image, self._environment)
        if image.dockerfile not in self._recipes:
            self._recipes[image.dockerfile] = _of_files(root, _recipe(self._workspace, image))
        parts = {
            "Dockerfile": self._recipes[image.dockerfile],
            "base images": _of_text(repr(sorted((name, self._find_base(one).identity) for name, one in named.items()))),
            "build arguments": _of_text(repr((image.target, sorted(image.arguments.items())))),
            "locked dependencies": _of_text(locked.text),
        }
        for folder in locked.members:
            if folder not in self._folders:
                self._folders[folder] = _of_files(root, _sources(root / folder))
            parts[folder] = self._folders[folder]
        return parts

    @cached_property
    def _lock(self) -> Lock:
        try:
            text = (self._workspace.root / LOCK).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise WorkspaceError(f"expected {LOCK} in {self._workspace.root}, found none; run `uv lock`") from error
        return load_lock(text)


def is_recipe(path: str, dockerfile: str) -> bool:
    """Whether a file, existing or not, controls the build of images with that Dockerfile.

    Args:
        path: relative to the root of the workspace, as the Dockerfile is.
        dockerfile: of the image.
    """
    folder, _, name = path.rpartition("/")
    return path in {dockerfile, ".dockerignore"} or (folder == RECIPES and name.endswith((".py", ".sh")))


def is_source(path: str) -> bool:
    """Whether a file of a member, existing or not, is part of the images of all members that depend on it.

    Args:
        path: relative to the member's folder.
    """
    first, *rest = path.split("/")
    if first == "src":
        return bool(rest) and "__pycache__" not in rest and not path.endswith((".pyc", ".pyo", ".pyd"))
    return first in _FILES and not rest


def bases(workspace: Workspace, image: Image, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The third-party base images of an image, by build argument."""
    written = dict(_ARG.findall((workspace.root / image.dockerfile).read_text(encoding="utf-8")))
    return {name: environment.get(name) or written[name] for name in BASES if name in written}


def _recipe(workspace: Workspace, image: Image) -> Iterator[Path]:
    yield workspace.root / image.dockerfile
    yield workspace.root / ".dockerignore"
    for path in sorted((workspace.root / RECIPES).glob("*.*")):
        relative = path.relative_to(workspace.root).as_posix()
        if relative != image.dockerfile and is_recipe(relative, image.dockerfile):
            yield path


def _sources(member: Path) -> Iterator[Path]:
    for name in _FILES:
        # Sorted, so that the digest is the same on every machine.
        for path in [member / name, *sorted((member / name).rglob("*"))]:
            if path.is_file() and is_source(path.relative_to(member).as_posix()):
                yield path


def _of_files(root: Path, paths: Iterator[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        if path.is_file():
            mode = "x" if path.stat().st_mode & 0o100 else "-"
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            whole.update(os.fsencode(f"{path.relative_to(root).as_posix()} {mode} {content}\n"))
    return whole.hexdigest()[:_PART_LENGTH]


def _of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_PART_LENGTH]


_LENGTH = 32

ImageDigest = Callable[[str], str]
"""Returns the digest of a department's image, with or without the prefix `sha256:`."""


class ImageDigests:
    """Computes the digests that tag images in all environments except `local`, without building them.

    Equal inputs have equal digests on every machine, provided that `find_base` resolves the base images.
    """

    def __init__(self, workspace: Workspace, find_base: FindBase = as_written) -> None:
        """Initialise; nothing is read yet.

        Args:
            workspace: the checkout.
            find_base: resolves the name of a base image to its content.
        """
        self._workspace = workspace
        self._inputs = Inputs(workspace, find_base=find_base)

    def __call__(self, name: str) -> str:
        """The digest of an image, as 32 hex digits.

        Args:
            name: a name that `image_named` accepts.

        Raises:
            WorkspaceError: there is no such image, or its inputs cannot be read.
        """
        return digest_of(self._inputs.of(self._named.one(name)))

    @cached_property
    def _named(self) -> Named:
        return Named(self._workspace)


def digest_of(parts: Mapping[str, str]) -> str:
    """Combine the digests of all inputs."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_LENGTH]
