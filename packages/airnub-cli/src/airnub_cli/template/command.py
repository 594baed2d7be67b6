"""The command `airnub template`; the work is in the modules beside this one."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.exit_codes import COMPLETED, FAILED, INVALID

_COLOURS = {
    "unresolved": "red",
    "conflict": "red",
    "merges": "cyan",
    "behind": "yellow",
    "changed": "blue",
    "current": "green",
}

_DUE = {"behind", "merges", "conflict", "unresolved"}


@click.group("template", epilog="Example: uv run airnub template status")
def template() -> None:
    """Compare departments with the template, and merge changes."""


@template.command("status", epilog="Example: uv run airnub template status orders --json")
@click.argument("names", nargs=-1, metavar="[DEPARTMENT]...")
@click.option(
    "--base", metavar="REF", help="Commit whose template departments were made from, instead of the recorded one."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")
@click.option(
    "--check",
    is_flag=True,
    help="Exit with 1 if a department lacks a change of the template, or git lacks the template that it was made from.",
)
def status(names: tuple[str, ...], base: str | None, as_json: bool, check: bool) -> None:
    """List the files that differ from the current template.

    Without DEPARTMENT, the files of all departments are compared. behind: only the template changed. changed: only the
    department changed. merges: both changed, in different places. conflict: both changed, in the same place.
    unresolved: conflict markers of an earlier update remain. Nothing is written.
    """
    from airnub_cli.template.history import tree_of
    from airnub_cli.template.update import standings

    try:
        workspace = Workspace.around(Path.cwd())
        tree = None if base is None else tree_of(workspace.root, base)
        found = standings(workspace, names, tree)
    except WorkspaceError as error:
        _refuse(error)
    if as_json:
        document = [
            {
                "department": one.department,
                "state": one.state,
                "tree": one.origin.tree if one.origin else None,
                "note": one.lost,
                "files": [{"path": file.path, "state": file.state, "note": file.note} for file in one.differences],
            }
            for one in found
        ]
        click.echo(json.dumps(document, indent=2))
    else:
        for one in found:
            rows = [(str(file.state), file.path, file.note) for file in one.differences]
            _print(one.department, one.state, rows, one.lost)
    due = any(one.state in _DUE or one.lost for one in found)
    sys.exit(FAILED if check and due else COMPLETED)


@template.command("update", epilog="Example: uv run airnub template update orders")
@click.argument("names", nargs=-1, metavar="[DEPARTMENT]...")
@click.option(
    "--base", metavar="REF", help="Commit whose template departments were made from, instead of the recorded one."
)
def update(names: tuple[str, ...], base: str | None) -> None:
    """Merge the changes of the template into departments.

    Without DEPARTMENT, all departments are updated. This is a three-way merge by git: clean merges are written,
    conflicts are marked in the files as git marks them, and no change of a department is lost. Imports of
    airnub_core.tables and airnub_core.datasets become imports of airnub_data, if the template imports neither; names
    without a successor are printed with file and line. Requires a clean working tree, so that `git diff` shows the
    changes and `git restore .` reverts them. The exit status is 1 if manual work remains.
    """
    from airnub_cli.template.history import require_clean, tree_of
    from airnub_cli.template.update import update as bring

    try:
        workspace = Workspace.around(Path.cwd())
        require_clean(workspace.root)
        done = bring(workspace, names, None if base is None else tree_of(workspace.root, base))
    except (WorkspaceError, ConfigurationError) as error:
        _refuse(error)
    conflicts = 0
    for one in done.standings:
        due = [file for file in one.differences if file.state != "changed"]
        if one.state == "unresolved":
            due = [file for file in due if file.state == "unresolved"]
        conflicts += sum(file.state in {"conflict", "unresolved"} for file in due)
        if one.state == "unknown":
            _print(one.department, "unknown", [], one.lost)
        elif due:
            words = {"behind": "updated", "merges": "merged"}
            rows = [(words.get(file.state, str(file.state)), file.path, file.note) for file in due]
            _print(one.department, one.state, rows)
    for place in done.left:
        click.echo(place)
    lost = any(one.lost for one in done.standings)
    is_fine = not (done.written or conflicts or lost or done.left)
    click.echo("every department is up to date" if is_fine else f"{len(done.written)} files are written", err=True)
    if conflicts:
        click.secho(
            f"{conflicts} files have conflicts: resolve them, then run `airnub compile` and `airnub check`",
            fg="red",
            err=True,
        )
    elif done.warning:
        click.secho(
            f"{done.warning}\ncorrect it, then run `uv lock`, `airnub compile` and `airnub check`", fg="red", err=True
        )
    if done.left:
        where = "names without a successor, or arguments that changed"
        click.secho(f"{len(done.left)} places need manual changes: {where}", fg="red", err=True)
    sys.exit(FAILED if conflicts or done.warning or lost or done.left else COMPLETED)


def _print(department: str, state: str, files: Sequence[tuple[str, str, str]], lost: str = "") -> None:
    said = (lost or "it has no record of its template; pass --base REF") if state == "unknown" else ""
    click.echo(f"{department}: {click.style(state, fg=_COLOURS.get(state))}{f' ({said})' if said else ''}")
    for word, path, note in files:
        click.echo(f"  {word:<9} {path}{f' ({note})' if note else ''}")


def _refuse(error: Exception) -> NoReturn:
    click.secho(str(error), fg="red", err=True)
    click.echo("nothing was written", err=True)
    sys.exit(INVALID)
