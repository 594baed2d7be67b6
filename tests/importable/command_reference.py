"""Generate docs/reference.md from `--help`; as a script, write the page or the file in its argument."""

import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from airnub_cli.__main__ import main as airnub
from airnub_cli.commands import COMMANDS
from airnub_prefect.command.main import group
from airnub_prefect.exit_codes import FAILURES, MEANINGS
from department_template.department import DEPARTMENT

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"
WRITE = "uv run --all-packages python tests/importable/command_reference.py"
_INTRODUCTION = f"""# Command reference

Every command with its options, generated from `--help`. To update this page, run `{WRITE}`.
`department-template` stands for the command of any department: all departments have the same commands. A fresh clone
has only the command of the example department; `uv run --package NAME NAME …` installs a different one.
[Exit codes](#exit-codes) are at the end.
"""


def reference() -> str:
    """The whole page as Markdown."""
    width = {"terminal_width": 100, "max_content_width": 100}
    roots = (("airnub", airnub), ("department-template", group(DEPARTMENT)))
    sections = [
        f"## {context.command_path}\n\n```text\n{_help(context)}\n```\n"
        for name, command in roots
        for context in _contexts(click.Context(command, info_name=name, **width))
    ]
    return "\n".join([_INTRODUCTION, *sections, *_exit_codes()])


def _exit_codes() -> Iterator[str]:
    """The section about exit codes, with three tables."""
    failures = {name: failure or "never" for name, (_, _, failure) in sorted(COMMANDS.items())}
    yield "## Exit codes\n"
    yield from _table("exit code", "meaning", MEANINGS)
    yield from _table("command of `airnub`", "ends with 1 if", failures)
    yield from _table("command of a department", "ends with 1 if", FAILURES)


def _table(first: str, second: str, rows: Mapping[int, str] | Mapping[str, str]) -> Iterator[str]:
    yield f"| {first} | {second} |\n|---|---|"
    yield "".join(f"| {key} | {text} |\n" for key, text in rows.items())


def _help(context: click.Context) -> str:
    return "\n".join(line.rstrip() for line in inspect.cleandoc(context.get_help()).splitlines())


def _contexts(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command, f"{context.command_path} lists {name}, which it does not have"
            if not command.hidden:
                yield from _contexts(
                    click.Context(command, parent=context, info_name=name, terminal_width=100, max_content_width=100)
                )


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else PAGE).write_text(reference())
