"""Platform: which of the lock's packages an image gets, for the lock is for every system and every Python."""

import re
from collections.abc import Mapping
from itertools import product
from typing import Any

from packaging.markers import Marker

from airnub_cli.images.image import Image
from airnub_cli.images.inputs import bases
from airnub_cli.workspace import Workspace

_LINUX = {
    "os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}  # fmt: skip
_MACHINES = ("x86_64", "aarch64")
_PYTHONS = tuple(f"3.{minor}" for minor in range(11, 16))
_PYTHON = re.compile(r"\bpython:(3\.\d+)")


def python_of(workspace: Workspace, image: Image) -> str | None:
    """The Python of an image, as the name of its base says; `None` where it does not."""
    match = _PYTHON.search(bases(workspace, image).get("PYTHON_IMAGE", ""))
    return match[1] if match else None


def only_installed(bill: Mapping[str, Any], python: str | None) -> dict[str, Any]:
    """A bill without what is not installed on Linux.

    Args:
        bill: as uv exports it, with markers.
        python: its minor version, `3.13`; what any may need is kept where it is not known.
    """
    pythons = (python,) if python else _PYTHONS
    kept = [one for one in bill["components"] if _is_installed(one, pythons)]
    gone = {one.get("bom-ref") for one in bill["components"] if one not in kept}
    needs = [
        {**one, "dependsOn": [ref for ref in one["dependsOn"] if ref not in gone]} if "dependsOn" in one else one
        for one in bill.get("dependencies", ())
        if one["ref"] not in gone
    ]
    return {**bill, "components": kept} | ({"dependencies": needs} if "dependencies" in bill else {})


def _is_installed(component: Mapping[str, Any], pythons: tuple[str, ...]) -> bool:
    said = [one["value"] for one in component.get("properties", ()) if one["name"] == "uv:package:marker"]
    return all(_holds(Marker(one), pythons) for one in said)


def _holds(marker: Marker, pythons: tuple[str, ...]) -> bool:
    # Which patch it is nobody says: the first and the last, and what one of them needs is kept.
    versions = [
        {"python_version": one, "python_full_version": f"{one}.{patch}"} for one in pythons for patch in (0, 99)
    ]
    machines = [{"platform_machine": one} for one in _MACHINES]
    return any(marker.evaluate({**_LINUX, **one, **other}) for one, other in product(versions, machines))
