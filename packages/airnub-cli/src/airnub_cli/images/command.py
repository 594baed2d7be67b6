"""The command `airnub images`."""

import json
import time
from pathlib import Path

import click

from airnub_cli.commands import CommandError
from airnub_cli.images.build import BuildPlan, build_plan, carry_out
from airnub_cli.images.docker_engine import DockerBases, DockerEngine, EngineError
from airnub_cli.images.image import Image, Named
from airnub_cli.images.image import bases as bases_of
from airnub_cli.images.image import images as all_images
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.paths import shown


@click.command("images", epilog="Example: uv run airnub images project-alpha --dry-run")
@click.argument("names", nargs=-1, metavar="[IMAGE]...")
@click.option("--env", "environment", metavar="NAME", help="Environment whose registry and tags to use.")
@click.option(
    "--registry",
    metavar="NAME",
    help="Registry to tag images for, by content digest. Default: none, and images are airnub/IMAGE:local.",
)
@click.option("--push", is_flag=True, help="Build the images that the registry lacks, and push them.")
@click.option("--dry-run", is_flag=True, help="Print what would be built, and why; build nothing.")
@click.option(
    "--bases",
    "only_bases",
    is_flag=True,
    help="Print the base images by digest, as PYTHON_IMAGE=… for other commands, and exit.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")
def images(
    names: tuple[str, ...],
    environment: str | None,
    registry: str | None,
    push: bool,
    dry_run: bool,
    only_bases: bool,
    as_json: bool,
) -> None:
    """Build the images that are missing or out of date.

    IMAGE is a department, or `prefect` for the server and the workers. The default is all of these.
    `prefect-kubernetes`, for the server and the workers on Kubernetes, is built only if it is named.
    """
    if only_bases and (as_json or push):
        raise CommandError("expected --bases without --json and --push, found one of them")
    if environment is not None and registry is not None:
        raise CommandError("expected one of --env and --registry, found both; an environment has a registry of its own")
    from airnub_cli.configuration.environment import environment_file, load_environment

    try:
        workspace = Workspace.around(Path.cwd())
        if environment is not None:
            registry = load_environment(workspace.root, environment).registry
        if push and registry is None:
            found = "none" if environment is None else f"none in {shown(environment_file(workspace.root, environment))}"
            raise CommandError(f"expected a registry with --push, found {found}; local images are never pushed")
        named = Named(workspace)
        chosen = [named.one(name) for name in names] or list(all_images(workspace).values())
    except (WorkspaceError, ConfigurationError) as error:
        raise CommandError(str(error)) from error
    if only_bases:
        _print_bases(workspace, chosen)
        return
    engine = DockerEngine(workspace.root)
    started = time.monotonic()
    bases = DockerBases(registry=registry is not None)
    try:
        plans = build_plan(workspace, chosen, engine, registry=registry, push=push, find_base=bases)
        if not dry_run:
            carry_out(workspace, plans, engine, push=push)
    except ConfigurationError as error:
        raise CommandError(str(error)) from error
    except (EngineError, WorkspaceError) as error:
        raise click.ClickException(str(error)) from error
    if registry is not None:
        for doubt in bases.doubts:
            click.secho(doubt, fg="yellow", err=True)
    rows = [_row(one, dry_run=dry_run) for one in plans]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['name']:<20} {row['action']:<12} {row['image']}  ({row['reason']})")
    click.echo(f"{time.monotonic() - started:.1f} s", err=True)


def _print_bases(workspace: Workspace, chosen: list[Image]) -> None:
    found = {pair for one in chosen for pair in bases_of(workspace, one).items()}
    doubled = sorted({name for name, one in found if any(other != one for again, other in found if again == name)})
    if doubled:
        several = ", ".join(sorted(one for name, one in found if name == doubled[0]))
        raise CommandError(
            f"expected one {doubled[0]} for all images, found {several}; use the same one in all Dockerfiles"
        )
    known = DockerBases(registry=True)
    for name, one in sorted(found):
        click.echo(f"{name}={known(one).pinned}")
    for doubt in known.doubts:
        click.secho(doubt, fg="yellow", err=True)


def _row(one: BuildPlan, *, dry_run: bool) -> dict[str, str]:
    done = "would build" if dry_run else "built"
    return {
        "name": one.wanted.image.name,
        "image": one.wanted.reference,
        "digest": one.wanted.digest,
        "action": "up to date" if one.action == "keep" else done,
        "reason": one.reason,
    }
