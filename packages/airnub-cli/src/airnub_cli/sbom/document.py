"""The bill of an image: CycloneDX 1.5 as uv exports the lock, with the image's name and digest and with licences.

The same inputs give the same bill: what says when it was made, and a random number, are left out. What the base image
brings is not in it, which the image's registry or its scanner knows; nor is what the lock has for other systems.
"""

import json
import subprocess
from typing import Any

from airnub_cli.images.digest import ImageDigests
from airnub_cli.images.image import Image
from airnub_cli.sbom.licences import UNKNOWN, licence_of
from airnub_cli.sbom.platform import only_installed, python_of
from airnub_cli.workspace import Workspace, WorkspaceError

Bill = dict[str, Any]


def bill_of(workspace: Workspace, image: Image, digests: ImageDigests) -> Bill:
    """What goes into an image of the lock.

    Raises:
        WorkspaceError: uv is missing, or refuses.
    """
    bill = only_installed(_exported(workspace, image), python_of(workspace, image))
    metadata = {name: value for name, value in bill["metadata"].items() if name != "timestamp"}
    digest = digests(image.name)
    metadata["component"] = {
        "type": "container", "bom-ref": metadata["component"]["bom-ref"], "name": image.name, "version": digest,
        "properties": [{"name": "airnub:image:digest", "value": digest}],
    }  # fmt: skip
    for component in bill["components"]:
        _add_licence(component)
    return {name: value for name, value in bill.items() if name != "serialNumber"} | {"metadata": metadata}


def packages(bill: Bill) -> list[tuple[str, str, str]]:
    """Name, version and licence of each package, sorted by name; members of the workspace are not among them."""
    return sorted((one["name"], one["version"], _licence(one)) for one in bill["components"] if not _is_member(one))


def _exported(workspace: Workspace, image: Image) -> Bill:
    extras = [word for extra in image.extras for word in ("--extra", extra)]
    command = [
        "uv",
        "export",
        "--quiet",
        "--frozen",
        "--no-dev",
        "--format",
        "cyclonedx1.5",
        "--package",
        image.package,
    ]
    try:
        done = subprocess.run([*command, *extras], cwd=workspace.root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise WorkspaceError("expected uv on the PATH, found none; pip install uv") from None
    if done.returncode:
        raise WorkspaceError(f"expected uv to export the lock, found: {done.stderr.strip()}")
    bill: Bill = json.loads(done.stdout)
    return bill


def _add_licence(component: Bill) -> None:
    licence = licence_of(component["name"])
    if licence != UNKNOWN:
        # An expression may only hold ids of SPDX: names that packages choose are told as names.
        component["licenses"] = [{"license": {"name": licence}}]


def _licence(component: Bill) -> str:
    [found] = component.get("licenses", [{"license": {"name": UNKNOWN}}])
    return str(found["license"]["name"])


def _is_member(component: Bill) -> bool:
    return any(one["name"] == "uv:workspace:path" for one in component.get("properties", ()))
