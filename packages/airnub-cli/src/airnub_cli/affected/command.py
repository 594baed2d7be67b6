"""The command `airnub affected`; `rules` has what a change affects."""

import json
from pathlib import Path

import click

from airnub_cli.affected.graph import Concern, Impact, shown
from airnub_cli.affected.repository import RepositoryError
from airnub_cli.affected.rules import AffectedResult, affected
from airnub_cli.commands import CommandError
from airnub_cli.workspace import Workspace, WorkspaceError

_CONCERNS = [str(one) for one in Concern]
_KINDS = ["department", "package", "image", "workspace"]
_OF_A_MATRIX = ("department", "package", "image")
"""Kinds of targets that `airnub test` and `airnub images` accept."""
_SHOWN = 5


@click.command(
    "affected",
    epilog="\b\nExample: uv run airnub affected --base origin/main\n"
    "         uv run airnub affected --base origin/main --concern image --format github-matrix",
)
@click.option("--base", "reference", required=True, metavar="REF", help="Branch, tag or commit to compare with.")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["text", "json", "github-matrix"]),
    default="text",
    show_default=True,
    help="Output format; github-matrix is for `strategy.matrix` of a GitHub workflow.",
)
@click.option(
    "--groups",
    type=click.IntRange(min=1),
    metavar="N",
    help="Distribute the targets over at most N entries of the github-matrix, since GitHub allows 256 jobs.",
)
@click.option(
    "--concern",
    type=click.Choice(_CONCERNS),
    help="Filter to targets whose image, tests or deployment must be repeated, with the reasons.",
)
@click.option(
    "--kind", "kinds", type=click.Choice(_KINDS), multiple=True, help="Filter to this kind of target. Repeatable."
)
def affected_command(
    reference: str, shape: str, groups: int | None, concern: str | None, kinds: tuple[str, ...]
) -> None:
    """List what a change affects, with the reasons.

    Departments, packages, images and workspace tests can be affected. The change is the difference between the working
    tree, with its uncommitted files, and the merge base of HEAD and REF. For each target, the output says what has to
    be repeated: `image`, `tests` or `deployment`.
    """
    try:
        answer = affected(Workspace.root_around(Path.cwd()), reference)
    except (RepositoryError, WorkspaceError) as error:
        raise CommandError(str(error)) from error
    wanted = Concern(concern) if concern else None
    if groups and shape != "github-matrix":
        raise CommandError(f"expected --format github-matrix with --groups, found {shape}")
    if shape == "github-matrix" and not kinds:
        kinds = _OF_A_MATRIX if groups else ("department",)
    found = [one for one in answer.found if not kinds or one.target.kind in kinds]
    if wanted:
        found = [one for one in found if wanted in one.concerns]
    _print_summary(answer, found)
    if shape == "json":
        click.echo(json.dumps([_row(one, wanted) for one in found], indent=2, ensure_ascii=False))
    elif shape == "github-matrix":
        click.echo(json.dumps(_matrix(found, kinds, wanted, groups)))
    else:
        for one in found:
            _show(one, wanted)


def _row(one: Impact, wanted: Concern | None) -> dict[str, object]:
    return {
        "name": one.target.name,
        "kind": one.target.kind,
        "concerns": [str(concern) for concern in one.concerns],
        "reasons": _reasons(one, wanted),
    }


def _matrix(
    found: list[Impact], kinds: tuple[str, ...], wanted: Concern | None, groups: int | None
) -> dict[str, object]:
    """The matrix of a GitHub workflow; several kinds share one list, since two keys would give every pair of them.

    The template is included only for tests.
    """
    targets = [one.target for one in found if wanted is Concern.TESTS or not one.target.is_template]
    if groups:
        names = [one.name for one in targets]
        return {"group": [" ".join(names[at::groups]) for at in range(min(groups, len(names)))]}
    if len(set(kinds)) == 1:
        return {kinds[0]: [one.name for one in targets]}
    return {"include": [{"name": one.name, "kind": one.kind} for one in targets]}


def _show(one: Impact, wanted: Concern | None) -> None:
    click.echo(f"{one.target.kind} {click.style(one.target.name, bold=True)}: {', '.join(one.concerns)}")
    reasons = _reasons(one, wanted)
    for reason in reasons[:_SHOWN]:
        click.echo(f"  {reason}")
    if len(reasons) > _SHOWN:
        click.echo(f"  and {len(reasons) - _SHOWN} more reasons; --format json has all")


def _reasons(one: Impact, wanted: Concern | None) -> list[str]:
    return [said for said, concerns in one.reasons.items() if wanted is None or wanted in concerns]


def _print_summary(answer: AffectedResult, found: list[Impact]) -> None:
    """Print the comparison and its side results to stderr."""
    click.echo(f"compared with {answer.base[:12]}: {len(found) or 'nothing'} affected", err=True)
    for name in answer.unlocked:
        click.echo(f"expected {name} in uv.lock, found no such package; run `uv lock`", err=True)
    if answer.gone:
        click.echo(f"removed: {', '.join(answer.gone)}", err=True)
    if answer.without_effect:
        some = shown(", ".join(answer.without_effect[:_SHOWN]))
        more = len(answer.without_effect) - _SHOWN
        click.echo(f"no effect: {some}" + (f" and {more} more" if more > 0 else ""), err=True)
