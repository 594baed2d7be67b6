"""Inputs: what goes into an image, each part with a digest of its own, so that it can be said which one changed."""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from airnub_cli.images.image import Image
from airnub_cli.workspace import Workspace, WorkspaceError

BASES = ("PYTHON_IMAGE", "UV_IMAGE")
"""Build arguments that name the images of others; the environment may say otherwise than the Dockerfile."""
_FILES = ("pyproject.toml", "README.md", "apt-packages.txt", "src")
_ARG = re.compile(r"^ARG (\w+)=(\S+)", re.MULTILINE)
_LENGTH = 16


def inputs(workspace: Workspace, image: Image, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What goes into an image: a name for each part, and its digest.

    Of the lock only what this image installs: a line of another department changes nothing here. Of a member what the
    build may read of it (`.dockerignore`), so that tests and caches change nothing either.

    Args:
        workspace: the checkout.
        image: one of it.
        environment: may name other base images.

    Returns:
        Digests by name, in a fixed order.

    Raises:
        WorkspaceError: the lock has no such package, or uv is not there.
    """
    requirements, members = _locked(workspace, image)
    parts = {
        "Dockerfile": _of_files(workspace.root, _recipe(workspace, image)),
        "base images": _of_text(repr(sorted(bases(workspace, image, environment).items()))),
        "build arguments": _of_text(repr((image.target, sorted(image.arguments.items())))),
        "locked dependencies": _of_text(requirements),
    }
    return parts | {folder: _of_files(workspace.root, _sources(workspace.root / folder)) for folder in sorted(members)}


def bases(workspace: Workspace, image: Image, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The images of others that it is built on, by build argument."""
    written = dict(_ARG.findall((workspace.root / image.dockerfile).read_text(encoding="utf-8")))
    return {name: environment.get(name) or written[name] for name in BASES if name in written}


def _locked(workspace: Workspace, image: Image) -> tuple[str, list[str]]:
    command = ["uv", "export", "--quiet", "--frozen", "--no-dev", "--no-editable", "--no-header", "--no-annotate"]
    try:
        done = subprocess.run([*command, *image.export], cwd=workspace.root, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise WorkspaceError("expected the command uv, found none; install it (https://docs.astral.sh/uv)") from error
    except subprocess.CalledProcessError as error:
        raise WorkspaceError(f"expected uv.lock to hold what {image.name} needs, but {error.stderr.strip()}") from error
    lines = done.stdout.splitlines()
    members = [line.partition(" ;")[0].removeprefix("./") for line in lines if line.startswith("./")]
    return "\n".join(line for line in lines if not line.startswith("./")), members


def _recipe(workspace: Workspace, image: Image) -> Iterator[Path]:
    yield workspace.root / image.dockerfile
    yield workspace.root / ".dockerignore"
    yield from (path for path in sorted((workspace.root / "infra/docker").glob("*.*")) if path.suffix in {".py", ".sh"})


def _sources(member: Path) -> Iterator[Path]:
    for name in _FILES:
        if (member / name).is_dir():
            for path in sorted((member / name).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts and path.suffix not in {".pyc", ".pyo", ".pyd"}:
                    yield path
        elif (member / name).is_file():
            yield member / name


def _of_files(root: Path, paths: Iterator[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        if path.is_file():
            mode = "x" if path.stat().st_mode & 0o100 else "-"
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            whole.update(f"{path.relative_to(root).as_posix()} {mode} {content}\n".encode())
    return whole.hexdigest()[:_LENGTH]


def _of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
