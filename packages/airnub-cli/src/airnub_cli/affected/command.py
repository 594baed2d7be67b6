"""The command `airnub affected`: everything that a change affects."""

import json
from dataclasses import dataclass
from pathlib import Path

import click

from airnub_cli.affected.changed_files import FILE as PYPROJECT
from airnub_cli.affected.changed_files import (
    add_images,
    add_members,
    add_readers,
    add_workspace_tests,
    by_member_and_use,
    concerns_tests,
    differences,
)
from airnub_cli.affected.changed_settings import Settings, is_setting
from airnub_cli.affected.graph import Concern, Graph, Impact, Impacts, complete, shown
from airnub_cli.affected.repository import Repository, RepositoryError
from airnub_cli.commands import CommandError
from airnub_cli.lock import FILE as LOCK
from airnub_cli.lock import Lock, load_lock
from airnub_cli.workspace import Workspace, WorkspaceError

TESTS_OF_ALL = (PYPROJECT, "uv.toml", ".python-version", "conftest.py")
"""Files of the root that affect all tests."""


@dataclass(frozen=True, slots=True)
class AffectedResult:
    """The targets that a change affects."""

    base: str
    """The commit that the working tree is compared with."""
    found: tuple[Impact, ...]
    """Departments, packages, images, tests of the workspace."""
    gone: tuple[str, ...]
    """Folders of removed members."""
    unlocked: tuple[str, ...]
    """Members that are not in `uv.lock`."""
    without_effect: tuple[str, ...]
    """Changed files that affect no target."""


def affected(root: Path, reference: str) -> AffectedResult:
    """Compare the working tree, including uncommitted files, with the merge base of HEAD and a reference.

    Args:
        root: of the workspace.
        reference: a branch, a tag or a commit.

    Returns:
        The affected targets with reasons.

    Raises:
        RepositoryError: the folder is not in a repository, or the reference is unknown.
        WorkspaceError: the lock or a pyproject.toml is missing or invalid.
    """
    repository = Repository(root)
    base = repository.base(reference)
    changed = [one.path for one in repository.changes(base)]
    asked = [path for path in changed if path in {LOCK, PYPROJECT} or is_setting(path)]
    before = repository.texts(base, asked)
    text = _read(root, LOCK)
    if not text:
        raise WorkspaceError(f"expected {LOCK} in {root}, found none; run `uv lock`")
    lock_before = _lock(before.get(LOCK, "") if LOCK in changed else text)
    lock, members = complete(root, load_lock(text), set(changed), repository.tracked)
    findings, graph = Impacts(), Graph(lock, members)
    targets = members.targets()

    known = lock_before.members()
    gone = sorted(known.keys() - members.packages.keys())
    new = [folder for folder in members.packages if folder not in known]
    touched = by_member_and_use(members, changed)
    add_members(findings, graph, members, touched, new)
    add_readers(findings, root, targets, changed)
    for one in differences(lock_before, lock) if LOCK in changed or members.unlocked else ():
        graph.add_dependents(findings, one.node, f"lock: {one.what}")

    others = [path for path in touched.others if not any(path.startswith(f"{folder}/") for folder in gone)]
    used = add_images(findings, root, members, others) | add_workspace_tests(findings, changed) | {LOCK}
    deployed = {folder: target for folder, target in targets.items() if Concern.DEPLOYMENT in target.can}
    settings = Settings(root, deployed)
    for path in others:
        if path in TESTS_OF_ALL:
            if path != PYPROJECT or concerns_tests(before.get(path, ""), _read(root, path)):
                used.add(path)
                for target in targets.values():
                    findings.add(target, [path], {Concern.TESTS})
        elif is_setting(path):
            used.add(path)
            settings.add_deployments(findings, path, before.get(path, ""), _read(root, path))
    unused = [path for path in others if path not in used]
    return AffectedResult(base, tuple(findings), tuple(gone), members.unlocked, tuple(unused))


def _lock(text: str) -> Lock:
    return load_lock(text) if text else Lock()


def _read(root: Path, path: str) -> str:
    file = root / path
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


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
    help="Distribute the names over at most N entries of the github-matrix, since GitHub allows 256 jobs.",
)
@click.option(
    "--concern",
    type=click.Choice(_CONCERNS),
    help="Filter to targets for which this has to be repeated, with the reasons.",
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
