"""The digest of an image: of everything that goes into it, known before it is built."""

import hashlib
import json
from collections.abc import Mapping

from airnub_cli.images.bases import FindBase, as_written
from airnub_cli.images.image import image_named
from airnub_cli.images.inputs import inputs
from airnub_cli.workspace import Workspace

_LENGTH = 32


def image_digest(workspace: Workspace, department: str, find_base: FindBase = as_written) -> str:
    """The tag of a department's image in every environment but `local`.

    Equal inputs have equal digests on every machine, base images as far as `find_base` knows their content; nothing is
    built for it.

    Args:
        workspace: the checkout.
        department: any name of it, or `prefect`.
        find_base: says which content the name of a base image stands for.

    Returns:
        32 hex digits.

    Raises:
        WorkspaceError: there is no such image, or its inputs cannot be read.
    """
    return digest_of(inputs(workspace, image_named(workspace, department), find_base=find_base))


def digest_of(parts: Mapping[str, str]) -> str:
    """All parts as one digest."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_LENGTH]
