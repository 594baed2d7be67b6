"""The command `airnub sbom`: arguments in, a bill out."""

import json
import sys
from collections import Counter
from pathlib import Path

import click

from airnub_cli.images.image import image_named
from airnub_cli.images.image import images as all_images
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_common import write_atomic


def add_to(group: click.Group) -> None:
    """Register the command."""
    group.add_command(sbom)


@click.command("sbom", epilog="Example: uv run airnub sbom project-alpha -o bills")
@click.argument("names", nargs=-1, metavar="[IMAGE]...")
@click.option(
    "-o", "--output", metavar="FOLDER", help="Write IMAGE.cdx.json of each there. Default: stdout, a line each."
)
@click.option("--licences", is_flag=True, help="Print each package with its version and licence, and who uses it.")
def sbom(names: tuple[str, ...], output: str | None, licences: bool) -> None:
    """Tell what each IMAGE (default: all) holds of others: a bill of materials from the lock, CycloneDX 1.5.

    The same inputs give the same bill, which names the image's digest. Licences are what packages say that are
    installed here; one that says none is `unknown`.
    """
    from airnub_cli.images.base_images import DockerBases
    from airnub_cli.images.digest import ImageDigests
    from airnub_cli.sbom.document import bill_of, packages

    try:
        workspace = Workspace.around(Path.cwd())
        chosen = [image_named(workspace, name) for name in names] or list(all_images(workspace).values())
        digests = ImageDigests(workspace, DockerBases(registry=True))
        bills = {image.name: bill_of(workspace, image, digests) for image in chosen}
    except WorkspaceError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(2)
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
