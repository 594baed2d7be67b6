"""`airnub sbom`: software bill of materials (SBOM) of an image, CycloneDX 1.5 from the lock, with licences.

The same inputs give the same SBOM: its timestamp and its random serial number are omitted. It has no packages of the
base image, which a scanner of images reports, and none that the lock has for other platforms. Licences are those that
installed packages declare.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from airnub_cli import subprocesses
from airnub_cli.images.image import Image, ImageDigests, bases, image_named
from airnub_cli.images.image import images as all_images
from airnub_cli.subprocesses import ProgramError
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_common import write_atomic
from airnub_prefect.exit_codes import INVALID

if TYPE_CHECKING:
    from packaging.markers import Marker

UNKNOWN = "unknown"
_CLASSIFIER = "License :: OSI Approved :: "
_LONGEST = 60
"""Maximum length of a licence's name, in characters; longer values are texts of licences."""


def licence_of(name: str) -> str:
    """The licence of an installed package; `unknown` if it declares none, or is not installed.

    Args:
        name: of the distribution.
    """
    try:
        return _said(distribution(name))
    except PackageNotFoundError:
        return UNKNOWN


def _said(found: Distribution) -> str:
    # An SPDX expression (PEP 639), else classifiers, else the older field with free text.
    if expression := _first(found, "License-Expression"):
        return expression
    classifiers = found.metadata.get_all("Classifier") or []
    names = [one.removeprefix(_CLASSIFIER) for one in classifiers if one.startswith(_CLASSIFIER)]
    if names:
        return " OR ".join(names)
    text = _first(found, "License").strip()
    return text if text and len(text) <= _LONGEST and "\n" not in text else UNKNOWN


def _first(found: Distribution, name: str) -> str:
    return str((found.metadata.get_all(name) or [""])[0])


_LINUX = {
    "os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}  # fmt: skip
_MACHINES = ("x86_64", "aarch64")
_PYTHONS = tuple(f"3.{minor}" for minor in range(11, 16))
_PYTHON = re.compile(r"\bpython:(3\.\d+)")


def python_of(workspace: Workspace, image: Image) -> str | None:
    """The Python version of an image, from the name of its base image; `None` if that has none."""
    match = _PYTHON.search(bases(workspace, image).get("PYTHON_IMAGE", ""))
    return match[1] if match else None


def only_installed(bill: Mapping[str, Any], python: str | None) -> dict[str, Any]:
    """Remove the components that are not installed on Linux.

    Args:
        bill: the SBOM that uv exports, with markers.
        python: the minor version, such as `3.13`; `None` keeps the components of all versions.
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
    from packaging.markers import Marker

    said = [one["value"] for one in component.get("properties", ()) if one["name"] == "uv:package:marker"]
    return all(_holds(Marker(one), pythons) for one in said)


def _holds(marker: "Marker", pythons: tuple[str, ...]) -> bool:
    # The patch version is unknown: a component that the first or the last one needs is kept.
    versions = [
        {"python_version": one, "python_full_version": f"{one}.{patch}"} for one in pythons for patch in (0, 99)
    ]
    machines = [{"platform_machine": one} for one in _MACHINES]
    return any(marker.evaluate({**_LINUX, **one, **other}) for one, other in product(versions, machines))


Bill = dict[str, Any]


def bill_of(workspace: Workspace, image: Image, digests: ImageDigests) -> Bill:
    """Generate the SBOM of an image from the lock.

    Raises:
        WorkspaceError: uv is missing or failed.
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
    """Name, version and licence of each package, sorted by name, without members of the workspace."""
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
        done = subprocesses.run([*command, *extras], workspace.root)
    except ProgramError as error:
        raise WorkspaceError(str(error)) from None
    if done.status:
        # uv names the command itself if there is no lock.
        is_lock = "uv.lock" in done.error and "`uv lock`" not in done.error
        raise WorkspaceError(
            f"expected `uv export` to succeed, found: {done.error}" + ("; run `uv lock`" if is_lock else "")
        )
    bill: Bill = json.loads(done.stdout)
    return bill


def _add_licence(component: Bill) -> None:
    licence = licence_of(component["name"])
    if licence != UNKNOWN:
        # An expression may only contain SPDX ids; names that packages choose are given as names.
        component["licenses"] = [{"license": {"name": licence}}]


def _licence(component: Bill) -> str:
    [found] = component.get("licenses", [{"license": {"name": UNKNOWN}}])
    return str(found["license"]["name"])


def _is_member(component: Bill) -> bool:
    return any(one["name"] == "uv:workspace:path" for one in component.get("properties", ()))


@click.command("sbom", epilog="Example: uv run airnub sbom project-alpha -o bills")
@click.argument("names", nargs=-1, metavar="[IMAGE]...")
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    help="Folder to write IMAGE.cdx.json files to. Default: stdout, one line per image.",
)
@click.option("--licences", is_flag=True, help="Print each package with its version, licence and images.")
def sbom(names: tuple[str, ...], output: str | None, licences: bool) -> None:
    """Print a software bill of materials (SBOM) for each image.

    Without IMAGE, all images are printed. The format is CycloneDX 1.5, and the source is the lock. The same inputs give
    the same SBOM, which names the image's digest. Licences come from the metadata of the packages installed here; a
    missing licence is `unknown`.
    """
    from airnub_cli.images.docker_engine import DockerBases
    from airnub_cli.images.image import ImageDigests

    try:
        workspace = Workspace.around(Path.cwd())
        chosen = [image_named(workspace, name) for name in names] or list(all_images(workspace).values())
        digests = ImageDigests(workspace, DockerBases(registry=True))
        bills = {image.name: bill_of(workspace, image, digests) for image in chosen}
    except WorkspaceError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(INVALID)
    if licences:
        users: dict[tuple[str, str, str], list[str]] = {}
        for name, bill in bills.items():
            for package in packages(bill):
                users.setdefault(package, []).append(name)
        for (package_name, version, licence), by in sorted(users.items()):
            click.echo(f"{package_name:<36} {version:<14} {licence:<46} {', '.join(by)}")
        counted = Counter(licence for _, _, licence in users)
        click.echo(", ".join(f"{count} {licence}" for licence, count in counted.most_common()), err=True)
        return
    for name, bill in bills.items():
        if output is None:
            click.echo(json.dumps(bill))
            continue
        Path(output).mkdir(parents=True, exist_ok=True)
        path = Path(output, f"{name}.cdx.json")
        write_atomic(path, json.dumps(bill, indent=2) + "\n")
        click.echo(f"{path} is written: {len(bill['components'])} components", err=True)
