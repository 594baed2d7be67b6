"""The digest of an image: of everything that goes into it, known before it is built."""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cached_property

from airnub_cli.images.base_images import FindBase, as_written
from airnub_cli.images.image import Named
from airnub_cli.images.inputs import Inputs
from airnub_cli.workspace import Workspace

_LENGTH = 32

ImageDigest = Callable[[str], str]
"""The digest of everything that goes into the image of a department; with or without `sha256:` before it."""


class ImageDigests:
    """The tags of images in every environment but `local`, by the names of the images.

    Equal inputs have equal digests on every machine, base images as far as `find_base` knows their content; nothing is
    built for it. What images share is read once, however many are asked for.
    """

    def __init__(self, workspace: Workspace, find_base: FindBase = as_written) -> None:
        """Nothing is read yet.

        Args:
            workspace: the checkout.
            find_base: says which content the name of a base image stands for.
        """
        self._workspace = workspace
        self._inputs = Inputs(workspace, find_base=find_base)

    def __call__(self, name: str) -> str:
        """32 hex digits.

        Args:
            name: any name of a department, or that of an image that is nobody's.

        Raises:
            WorkspaceError: there is no such image, or its inputs cannot be read.
        """
        return digest_of(self._inputs.of(self._named.one(name)))

    @cached_property
    def _named(self) -> Named:
        return Named(self._workspace)


def digest_of(parts: Mapping[str, str]) -> str:
    """All parts as one digest."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_LENGTH]
