"""Bases: the images of others that ours are built on, and which content their names stand for now."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Base:
    """An image of others."""

    reference: str
    """As it is written."""
    digest: str | None = None
    """Of its manifest: the same on every machine."""
    local_id: str | None = None
    """What this machine alone calls it."""

    @property
    def pinned(self) -> str:
        """What to build on, so that it is what the digest was made from."""
        is_written = self.digest is None or "@" in self.reference
        return self.reference if is_written else f"{self.reference}@{self.digest}"

    @property
    def identity(self) -> str:
        """What counts of it in the digest of an image: its content, as well as that is known."""
        return self.digest or " ".join(filter(None, (self.reference, self.local_id)))

    @property
    def doubt(self) -> str | None:
        """What cannot be promised, and what to do about it; `None` where its content is known."""
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
    """A base by its name, and by the digest that is written with it, if one is; nobody is asked."""
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
        """What a name stands for; where nobody can tell, the name itself."""
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
