"""Docker: images that exist locally or in a registry, builds, and digests of base images."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Base:
    """A third-party base image."""

    reference: str
    """The reference as written."""
    digest: str | None = None
    """Digest of its manifest: the same on every machine."""
    local_id: str | None = None
    """Its id on this machine only."""

    @property
    def pinned(self) -> str:
        """What to build on, so that it is what the digest was made from."""
        is_written = self.digest is None or "@" in self.reference
        return self.reference if is_written else f"{self.reference}@{self.digest}"

    @property
    def identity(self) -> str:
        """Its contribution to the digest of an image: its content, as far as that is known."""
        return self.digest or " ".join(filter(None, (self.reference, self.local_id)))

    @property
    def doubt(self) -> str | None:
        """A warning that its content is not fixed, with the remedy; `None` if its content is known."""
        if self.digest is not None:
            return None
        what = (
            "its id on this machine counts, and tags differ where that was built anew"
            if self.local_id
            else "its name alone counts, and a tag stays when what it stands for changes"
        )
        return (
            f"expected its registry or this machine to know the digest of {self.reference}, found none: {what}; "
            f"pin it as {self.reference}@sha256:…"
        )


FindBase = Callable[[str], Base]


def as_written(reference: str) -> Base:
    """A base image by its name, and by its pinned digest if it has one; no engine or registry is asked."""
    _, _, digest = reference.partition("@")
    return Base(reference, digest or None)


class DockerBases:
    """Bases as the command `docker` knows them; each is looked up once."""

    def __init__(self, *, registry: bool) -> None:
        """Look them up.

        Args:
            registry: ask it first, so that every machine has the same answer; else this machine alone is asked.
        """
        self._registry = registry
        self._found: dict[str, Base] = {}

    def __call__(self, reference: str) -> Base:
        """Resolve a name to its content; if neither engine nor registry knows it, the name itself is used."""
        if reference not in self._found:
            self._found[reference] = self._look_up(reference)
        return self._found[reference]

    @property
    def doubts(self) -> list[str]:
        """What cannot be promised of those that were looked up."""
        return [doubt for base in self._found.values() if (doubt := base.doubt)]

    def _look_up(self, reference: str) -> Base:
        written = as_written(reference)
        if written.digest is not None:
            return written
        if self._registry:
            said = _docker("buildx", "imagetools", "inspect", "--format", "{{json .Manifest.Digest}}", reference)
            if said and (digest := json.loads(said)):
                return Base(reference, digest)
        said = _docker(
            "image", "inspect", "--format", '{"id": {{json .Id}}, "digests": {{json .RepoDigests}}}', reference
        )
        if not said:
            return written
        here = json.loads(said)
        known = dict(one.split("@", 1) for one in here["digests"] or ())
        return Base(reference, known.get(_repository(reference)), here["id"])


def _repository(reference: str) -> str:
    """As the engine writes it: without a tag, and without what stands for Docker Hub."""
    head, slash, last = reference.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}".removeprefix("docker.io/").removeprefix("library/")


def _docker(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, check=True, timeout=_PATIENCE
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


_MISSING = ("no such manifest", "manifest unknown", "not found", "name unknown")
# The answer of a public registry for a repository without a push.
_NEVER_PUSHED = ("requested access to the resource is denied",)


class EngineError(Exception):
    """Docker is not installed, or a command of it failed."""


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
