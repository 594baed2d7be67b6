"""The command `airnub doctor`; the checks are in the modules beside this one."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from airnub_cli.configuration.dotenv import known_values
from airnub_cli.doctor.machine import DoctorFinding, check_checkout, check_tools
from airnub_cli.doctor.prefect import check_prefect
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.dotenv_file import wrong_lines
from airnub_prefect.exit_codes import COMPLETED, FAILED, INVALID

_MARKS = {"fine": ("✓", "green"), "odd": ("!", "yellow"), "missing": ("✗", "red")}


@click.command("doctor", epilog="Example: uv run airnub doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")
def doctor(as_json: bool) -> None:
    """Check the setup of this machine.

    Each problem is printed with the command that fixes it. Nothing is changed. The exit status is 1 if anything is
    missing that a first run needs.
    """
    try:
        root = Workspace.around(Path.cwd()).root
    except WorkspaceError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(INVALID)
    os.chdir(root)  # where Prefect looks for its settings
    findings = [*check_tools(), *check_checkout(root), *check_prefect(_values(root))]
    click.echo(json.dumps([one.as_json() for one in findings], indent=2) if as_json else table(findings))
    sys.exit(FAILED if any(one.level == "missing" for one in findings) else COMPLETED)


def table(findings: Sequence[DoctorFinding]) -> str:
    """Format the findings: a line each, with the command to fix it below, and the number by level at the end."""
    width = max(len(one.name) for one in findings)
    lines = []
    for one in findings:
        mark, colour = _MARKS[one.level]
        lines.append(f"{click.style(mark, fg=colour)} {one.name:<{width}}  {one.found}")
        if one.fix:
            lines.append(f"  {'':<{width}}  fix: {click.style(one.fix, bold=True)}")
    counted = {level: sum(one.level == level for one in findings) for level in _MARKS}
    lines.append(", ".join(f"{count} {level}" for level, count in counted.items() if count))
    return "\n".join(lines)


def _values(root: Path) -> dict[str, str]:
    # Mistakes in `.env` are a finding of their own.
    return dict(os.environ) if any(wrong_lines(root / ".env")) else known_values(root)
