"""The command `airnub kubernetes`: arguments in, manifests out. The work is in the module beside this one."""

import sys
from pathlib import Path

import click

from airnub_cli.configuration.placeholders import known_values
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.errors import ConfigurationError


def add_to(group: click.Group) -> None:
    """Register the command."""
    group.add_command(kubernetes)


@click.command("kubernetes", epilog="Example: uv run airnub kubernetes --env production | kubectl apply -f -")
@click.option("--env", "environment", required=True, metavar="NAME", help="Of configs/environments/, kind: kubernetes.")
@click.option("--no-server", is_flag=True, help="Without the Prefect server: it is elsewhere, or Prefect Cloud.")
def kubernetes(environment: str, no_server: bool) -> None:
    """Print the manifests of infra/kubernetes/ for an environment, with a worker for each active department.

    Secrets are not among them. Nothing is sent to a cluster.
    """
    from airnub_cli.images.base_images import DockerBases
    from airnub_cli.images.digest import ImageDigests
    from airnub_cli.kubernetes.rendering import manifests

    # As `airnub images` names what it builds.
    bases = DockerBases(registry=True)

    try:
        workspace = Workspace.around(Path.cwd())
        digests = ImageDigests(workspace, bases)
        text = manifests(workspace, environment, known_values(workspace.root), digests, server=not no_server)
    except (WorkspaceError, ConfigurationError) as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(2)
    for doubt in bases.doubts:
        click.secho(doubt, fg="yellow", err=True)
    click.echo(text, nl=False)
