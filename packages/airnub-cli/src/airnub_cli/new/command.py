"""The command `airnub new`; the work is in the modules beside this one."""

import time
from pathlib import Path

import click

from airnub_cli.transaction import reports_mistakes
from airnub_cli.workspace import Workspace


@click.group("new", epilog="Example: uv run airnub new department orders")
def new() -> None:
    """Create a department, or a category of one, from the template."""


def _list(_context: click.Context, _parameter: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else [one.strip() for one in value.split(",") if one.strip()]


@new.command(
    "department",
    epilog='\b\nExample: uv run airnub new department orders --owner team-sales --display-name "Orders"',
)
@click.argument("name")
@click.option("--owner", metavar="TEAM", help="Team that owns the department. Default: team-NAME.")
@click.option(
    "--contact", "contacts", multiple=True, metavar="TEXT", help="Contact, such as an e-mail address. Repeatable."
)
@click.option("--display-name", metavar="TEXT", help="Human-readable name. Default: derived from NAME.")
@click.option(
    "--stages", metavar="A,B", callback=_list, help="Stages to include, in order: ingestion[,processing[,analysis]]."
)
@click.option(
    "--categories", metavar="A,B", callback=_list, help="Categories of the ingestion. Default: all of the template's."
)
@click.option("--empty", "is_empty", is_flag=True, help="Omit the template's data, report and their tests.")
@reports_mistakes
def new_department(
    name: str,
    owner: str | None,
    contacts: tuple[str, ...],
    display_name: str | None,
    stages: list[str] | None,
    categories: list[str] | None,
    is_empty: bool,
) -> None:
    """Create a department from the template, and register it.

    The department is the folder departments/NAME, with entries in files of the root. The new department passes all
    checks and tests without further edits. Nothing is written unless all checks pass.
    """
    from airnub_cli.new.creation import create_department, department_spec, install

    started = time.monotonic()
    workspace = Workspace.around(Path.cwd())
    wanted = department_spec(
        workspace,
        name,
        owner=owner,
        display_name=display_name,
        contacts=contacts,
        stages=stages,
        chosen=categories,
        is_empty=is_empty,
    )
    changed = create_department(workspace, wanted)
    is_installed = install(workspace.root)
    folder = f"departments/{name}/"
    click.echo(f"{folder} is created: {sum(path.startswith(folder) for path in changed)} files")
    for path in changed:
        if not path.startswith(folder):
            click.echo(f"{path} is written")
    click.echo(f"owner: {wanted.owner} (configs/departments.yaml); {time.monotonic() - started:.1f} s\n", err=True)
    slug = wanted.names.slug
    steps = [] if is_installed else ["uv sync --all-packages"]
    steps += [] if is_empty else [f"uv run --package {slug} {slug} demo"]
    steps += [f"$EDITOR configs/variables/{name}/ingestion.yaml"]
    click.echo("Next: " + "\n      ".join(steps), err=True)


@new.command("category", epilog="Example: uv run airnub new category orders ingestion weather_stations")
@click.argument("department")
@click.argument("stage")
@click.argument("name")
@click.option(
    "--like",
    metavar="CATEGORY",
    help="Template category to copy. Default: the one named NAME, else scheduled_file_downloads.",
)
@reports_mistakes
def new_category(department: str, stage: str, name: str, like: str | None) -> None:
    """Add a category of sources to the ingestion of a department.

    The category consists of a flow, a key of the settings with the name NAME, and a test. STAGE is `ingestion`.
    """
    from airnub_cli.new.category import add_category

    for path in add_category(Workspace.around(Path.cwd()), department, stage, name, like):
        click.echo(f"{path} is written")
    click.echo(
        f"\nNext: sources under {name}: in configs/variables/{department.replace('-', '_')}/{stage}.yaml", err=True
    )
