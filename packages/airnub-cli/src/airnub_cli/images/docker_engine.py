"""The engine: what images exist, here or in a registry, and building them."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

_MISSING = ("no such manifest", "manifest unknown", "not found", "name unknown")
# What a public registry says of a repository that nobody has pushed to yet.
_NEVER_PUSHED = ("requested access to the resource is denied",)


class EngineError(Exception):
    """Docker is not there, or did not do what it was asked."""


class ImageEngine(Protocol):
    """What building needs of Docker."""

    def labels(self, reference: str) -> Mapping[str, str] | None:
        """The labels of an image on this machine, `None` where it is not."""
        ...

    def pushed(self, reference: str) -> bool:
        """Whether its registry has it."""
        ...

    def bake(self, definition: Mapping[str, Any], *, push: bool) -> None:
        """Build all targets of the group `default`."""
        ...


class DockerEngine:
    """The engine that the command `docker` talks to."""

    def __init__(self, root: Path) -> None:
        """Build from a checkout."""
        self._root = root

    def labels(self, reference: str) -> Mapping[str, str] | None:
        """The labels of an image on this machine, `None` where it is not.

        Raises:
            EngineError: no engine answers.
        """
        done = self._docker("image", "inspect", "--format", "{{json .Config.Labels}}", reference)
        if done.returncode == 0:
            found: dict[str, str] | None = json.loads(done.stdout)
            return found or {}
        if "no such image" in done.stderr.lower():
            return None
        raise EngineError(f"expected a Docker engine that answers, found: {done.stderr.strip()}")

    def pushed(self, reference: str) -> bool:
        """Whether its registry has it.

        Raises:
            EngineError: the registry cannot be asked.
        """
        done = self._docker("manifest", "inspect", reference)
        if done.returncode == 0:
            return True
        said = done.stderr.lower()
        if any(words in said for words in (*_MISSING, *_NEVER_PUSHED)):
            return False
        raise EngineError(
            f"expected the registry of {reference} to say whether it has it, found: {done.stderr.strip()}; "
            "is it up, and did you `docker login`?"
        )

    def bake(self, definition: Mapping[str, Any], *, push: bool) -> None:
        """Build all targets of the group `default`; progress goes to stderr.

        Raises:
            EngineError: the build failed; what it says stands above.
        """
        command = ["docker", "buildx", "bake", "--file", "-", "--push" if push else "--load"]
        done = subprocess.run(
            command, cwd=self._root, input=json.dumps(definition), text=True, stdout=sys.stderr, check=False
        )
        if done.returncode != 0:
            raise EngineError(
                f"expected `{' '.join(command)}` to build {', '.join(definition['target'])}, found exit status "
                f"{done.returncode}; what it says stands above"
            )

    def _docker(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(["docker", *arguments], cwd=self._root, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise EngineError("expected the command docker, found none; install Docker with buildx") from error
