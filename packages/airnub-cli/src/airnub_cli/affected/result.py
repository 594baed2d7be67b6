"""The result of `airnub affected`: everything that a change affects."""

from dataclasses import dataclass
from pathlib import Path

from airnub_cli.affected.changed_files import FILE as PYPROJECT
from airnub_cli.affected.changed_files import (
    concerns_tests,
    differences,
    sorted_out,
    tell_images,
    tell_members,
    tell_readers,
    tell_workspace,
)
from airnub_cli.affected.changed_settings import Settings, is_setting
from airnub_cli.affected.graph import Concern, Graph, Impact, Impacts, complete
from airnub_cli.affected.repository import Repository
from airnub_cli.lock import FILE as LOCK
from airnub_cli.lock import Lock, load_lock
from airnub_cli.workspace import WorkspaceError

TESTS_OF_ALL = (PYPROJECT, "uv.toml", ".python-version", "conftest.py")
"""Files of the root that every test is run with."""


@dataclass(frozen=True, slots=True)
class AffectedResult:
    """What a change touches."""

    base: str
    """The commit that was compared with."""
    found: tuple[Impact, ...]
    """Departments, packages, images, tests of the workspace."""
    gone: tuple[str, ...]
    """Folders of members that were there and are not."""
    unlocked: tuple[str, ...]
    """Members that `uv.lock` does not hold."""
    of_nobody: tuple[str, ...]
    """Files that changed and concern none of them."""


def affected(root: Path, reference: str) -> AffectedResult:
    """Compare a checkout, with all that is not committed, with where it left a branch.

    Args:
        root: of the workspace.
        reference: a branch, a tag or a commit; compared with is the last commit that it has in common with this one.

    Returns:
        Who is affected, and why.

    Raises:
        RepositoryError: this is no repository, or it does not know the reference.
        WorkspaceError: the lock or a pyproject.toml is not as expected.
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
    touched = sorted_out(members, changed)
    tell_members(findings, graph, members, touched, new)
    tell_readers(findings, root, targets, changed)
    for one in differences(lock_before, lock) if LOCK in changed or members.unlocked else ():
        graph.tell(findings, one.node, f"lock: {one.what}")

    others = [path for path in touched.others if not any(path.startswith(f"{folder}/") for folder in gone)]
    used = tell_images(findings, root, members, others) | tell_workspace(findings, changed) | {LOCK}
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
            settings.tell(findings, path, before.get(path, ""), _read(root, path))
    unused = [path for path in others if path not in used]
    return AffectedResult(base, tuple(findings), tuple(gone), members.unlocked, tuple(unused))


def _lock(text: str) -> Lock:
    return load_lock(text) if text else Lock()


def _read(root: Path, path: str) -> str:
    file = root / path
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
