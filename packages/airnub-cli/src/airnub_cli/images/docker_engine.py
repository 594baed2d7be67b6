"""Docker: images that exist locally or in a registry, builds, and digests of base images."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from airnub_cli import subprocesses
from airnub_cli.subprocesses import Completed, ProgramError

_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Base:
    """A third-party base image."""

    reference: str
    """The reference as written."""
    digest: str | None = None
    """Digest of its manifest: the same on every machine."""
    local_id: str | None = None
    """Its id in the engine of this machine; other machines have a different id for the same image."""

    @property
    def pinned(self) -> str:
        """The reference to build on: with the digest, if it is known, so that the hashed content is used."""
        is_written = self.digest is None or "@" in self.reference
        return self.reference if is_written else f"{self.reference}@{self.digest}"

    @property
    def identity(self) -> str:
        """The part of an image's digest that stands for its base: the digest, else the reference and the local id."""
        return self.digest or " ".join(filter(None, (self.reference, self.local_id)))

    @property
    def doubt(self) -> str | None:
        """A warning that its content is not fixed, with the remedy; `None` if its content is known."""
        if self.digest is not None:
            return None
        what = (
            "its local id is used instead, so another machine gives the image a different tag"
            if self.local_id
            else "its name is used instead, so a new version of it does not change the image's tag"
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
    """Resolves base images with the command `docker`; each is looked up once."""

    def __init__(self, *, registry: bool) -> None:
        """Initialise; nothing is looked up yet.

        Args:
            registry: ask the registry first, so that every machine gets the same digest; otherwise only this machine's
                engine is asked.
        """
        self._registry = registry
        self._found: dict[str, Base] = {}

    def __call__(self, reference: str) -> Base:
        """Resolve a reference to its digest; if neither registry nor engine knows it, the reference alone is used."""
        if reference not in self._found:
            self._found[reference] = self._look_up(reference)
        return self._found[reference]

    @property
    def doubts(self) -> list[str]:
        """Warnings of all base images that were looked up."""
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
    """The repository as the engine prints it: without tag, and without the prefixes of Docker Hub."""
    head, slash, last = reference.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}".removeprefix("docker.io/").removeprefix("library/")


def _docker(*arguments: str) -> str | None:
    try:
        done = subprocesses.run(["docker", *arguments], timeout=_PATIENCE)
    except (ProgramError, OSError, subprocess.TimeoutExpired):
        return None
    return done.text.strip() if done.status == 0 else None


_MISSING = ("no such manifest", "manifest unknown", "not found", "name unknown")
# The answer of a public registry for a repository without a push.
_NEVER_PUSHED = ("requested access to the resource is denied",)


class EngineError(Exception):
    """Docker is not installed, or one of its commands failed."""


class ImageEngine(Protocol):
    """The operations of Docker that builds need."""

    def labels(self, reference: str) -> Mapping[str, str] | None:
        """The labels of a local image; `None` if there is none of this name."""
        ...

    def pushed(self, reference: str) -> bool:
        """Whether the registry of a reference has the image."""
        ...

    def bake(self, definition: Mapping[str, Any], *, push: bool) -> None:
        """Build all targets of the group `default`."""
        ...


class DockerEngine:
    """The engine that the command `docker` uses."""

    def __init__(self, root: Path) -> None:
        """Take the root of the checkout to build from."""
        self._root = root

    def labels(self, reference: str) -> Mapping[str, str] | None:
        """The labels of a local image; `None` if there is none of this name.

        Raises:
            EngineError: no engine answers.
        """
        done = self._docker("image", "inspect", "--format", "{{json .Config.Labels}}", reference)
        if done.status == 0:
            found: dict[str, str] | None = json.loads(done.stdout)
            return found or {}
        if "no such image" in done.error.lower():
            return None
        raise EngineError(f"expected a Docker engine that answers, found: {done.error}")

    def pushed(self, reference: str) -> bool:
        """Whether the registry of a reference has the image.

        Raises:
            EngineError: the registry does not answer, or denies access.
        """
        done = self._docker("manifest", "inspect", reference)
        if done.status == 0:
            return True
        said = done.error.lower()
        if any(words in said for words in (*_MISSING, *_NEVER_PUSHED)):
            return False
        raise EngineError(
            f"expected an answer of the registry about {reference}, found: {done.error}; check that it is up, and run "
            "`docker login`"
        )

    def bake(self, definition: Mapping[str, Any], *, push: bool) -> None:
        """Build all targets of the group `default`; progress goes to stderr.

        Raises:
            EngineError: the build failed; its output is on stderr.
        """
        command = ["docker", "buildx", "bake", "--file", "-", "--push" if push else "--load"]
        done = self._run(command, given=json.dumps(definition).encode(), stdout=sys.stderr, stderr=None)
        if done.status != 0:
            raise EngineError(
                f"expected `{' '.join(command)}` to build {', '.join(definition['target'])}, found exit status "
                f"{done.status}; its output is above"
            )

    def _docker(self, *arguments: str) -> Completed:
        return self._run(["docker", *arguments])

    def _run(self, command: list[str], **options: Any) -> Completed:
        try:
            return subprocesses.run(command, self._root, **options)
        except ProgramError as error:
            raise EngineError(str(error)) from error
