"""The command `airnub check`: what the checks find, as text, JSON or GitHub annotations."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Literal, get_args

import click

from airnub_cli.cache import NO_CACHE, Cache, DeferredCache
from airnub_cli.check.unchanged import checkout_digest, recall_check, remember_check
from airnub_cli.configuration.dotenv import quiet_prefect
from airnub_cli.subprocesses import without_collection
from airnub_cli.workspace import Workspace, WorkspaceError, advice
from airnub_prefect.errors import Diagnostic
from airnub_prefect.exit_codes import COMPLETED, FAILED, INVALID

Format = Literal["text", "json", "github"]


@click.command("check", epilog="Example: uv run airnub check --format github")
@click.option(
    "--format", "form", type=click.Choice(get_args(Format)), default="text", show_default=True, help="Output format."
)
@click.option("--no-cache", is_flag=True, help="Ignore cached results.")
@without_collection()
def check(form: Format, no_cache: bool) -> None:
    """Check the whole workspace, and report all mistakes at once.

    Each mistake has file and line. Checks cover: names, required files and registration of members; import contracts
    and undeclared imports; flows without a deployment; settings that accept unknown keys; deployments and their
    parameters; the root's prefect.yaml; pools, Variables, blocks and automations of every environment; data contracts
    and their readers; and the lock. Nothing is changed and no Prefect server is contacted. The dependencies of
    departments must be installed. The exit status is 1 if there are mistakes. Warnings, such as a department that still
    has the template's description, do not change it.
    """
    quiet_prefect()
    try:
        root = Workspace.root_around(Path.cwd())
    except WorkspaceError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(INVALID)
    os.chdir(root)  # printed paths are relative to the root, as GitHub and editors expect
    found = _check(root, NO_CACHE if no_cache else Cache.of_user())
    if found or form == "json":
        click.echo(report(found, form))
    # A project file that cannot be read is among the mistakes.
    with suppress(WorkspaceError):
        if hint := advice(Workspace.around(root), found):
            click.secho(hint, fg="yellow", err=True)
    mistakes = sum(not one.is_warning for one in found)
    warnings = len(found) - mistakes
    said = [
        f"{count} {name}{'s' * (count != 1)}" for name, count in (("mistake", mistakes), ("warning", warnings)) if count
    ]
    colour = "red" if mistakes else "yellow" if warnings else "green"
    click.secho(", ".join(said) or "no mistakes found", fg=colour, err=True)
    sys.exit(FAILED if mistakes else COMPLETED)


def _check(root: Path, cache: Cache) -> list[Diagnostic]:
    environment = dict(os.environ)  # modules may change it when they are imported
    digest = None if cache is NO_CACHE else checkout_digest(root, environment)
    if (known := recall_check(cache, digest)) is not None:
        return known
    # It imports Pydantic, and Prefect if a department has to be imported.
    from airnub_cli.check.runner import check_everything

    # Keep the output of imported modules off stdout.
    pending = DeferredCache(cache)
    with redirect_stdout(sys.stderr):
        found = check_everything(root, pending)
    # A file that was saved meanwhile may have been checked in a state other than the hashed one.
    if digest is None or checkout_digest(root, environment) == digest:
        pending.flush()
        remember_check(cache, digest, found)
    return found


def report(mistakes: Sequence[Diagnostic], form: Format) -> str:
    """Format mistakes and warnings: a line each, or as JSON one list of `file`, `line`, `message` and `severity`."""
    match form:
        case "text":
            return "\n".join(map(str, mistakes))
        case "json":
            rows = [
                {"file": one.where, "line": one.line, "message": one.message, "severity": _severity(one)}
                for one in mistakes
            ]
            return json.dumps(rows, indent=2)
        case "github":
            return "\n".join(map(annotation, mistakes))


def annotation(mistake: Diagnostic) -> str:
    """Format a mistake as a workflow command, which GitHub shows beside the line in a pull request.

    Escaped are `%`, line ends, and in properties `:` and `,` too, as GitHub documents it.
    """
    place = f"file={_escaped(mistake.where, ':,')}"
    if mistake.line:
        place += f",line={mistake.line}"
    return f"::{_severity(mistake)} {place}::{_escaped(mistake.message)}"


def _severity(mistake: Diagnostic) -> Literal["error", "warning"]:
    """The severity in the words of GitHub."""
    return "warning" if mistake.is_warning else "error"


def _escaped(text: str, besides: str = "") -> str:
    for sign in f"%\r\n{besides}":
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text
