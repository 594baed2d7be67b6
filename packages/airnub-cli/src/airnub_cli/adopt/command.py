"""The command `airnub adopt`."""

import sys
from pathlib import Path

import click

from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.exit_codes import INVALID


@click.command(
    "adopt",
    epilog="\b\nExample: uv run airnub adopt --organisation acme --dry-run\n"
    "         uv run airnub adopt --organisation acme --licence LicenseRef-Proprietary --without-example",
)
@click.option("--organisation", required=True, metavar="NAME", help="GitHub organisation whose teams own the code.")
@click.option("--licence", metavar="SPDX", help="SPDX expression of the licence. Default: unchanged.")
@click.option("--platform-owner", metavar="TEAM", help="Team that owns shared files. Default: unchanged.")
@click.option("--without-example", is_flag=True, help="Remove the example department and all references to it.")
@click.option("--dry-run", is_flag=True, help="List the changes without writing them.")
def adopt(
    organisation: str, licence: str | None, platform_owner: str | None, without_example: bool, dry_run: bool
) -> None:
    """Replace organisation, licence and code owners by your own.

    All files of the repository are searched. Requires a clean working tree, except with --dry-run, so that `git diff`
    shows the changes. Either all files change or none. A second run with the same options changes nothing.
    """
    from airnub_cli.adopt.adoption import adopt as make_own

    try:
        done = make_own(
            Workspace.around(Path.cwd()),
            organisation,
            licence=licence,
            platform_owner=platform_owner,
            keep_example=not without_example,
            dry_run=dry_run,
        )
    except (WorkspaceError, ConfigurationError) as error:
        click.secho(str(error), fg="red", err=True)
        click.echo("nothing was written", err=True)
        sys.exit(INVALID)
    words = ("would be changed", "would be removed") if dry_run else ("changed", "removed")
    for word, paths in zip(words, (done.changed, done.removed), strict=True):
        for path in paths:
            click.echo(f"{path}: {word}")
    if not done.changed and not done.removed:
        click.echo("nothing to change", err=True)
    if done.left:
        click.echo("\nLeft for you:\n" + "\n".join(f"  {one}" for one in done.left), err=True)
    if done.changed and not dry_run:
        click.echo("\nNext: uv sync --all-packages --group lint\n      .ci/run lint tests", err=True)
