"""Rules: what each changed file affects, as departments, packages, images and tests of the workspace.

of a member (`changed_files`)
    `src/`, `pyproject.toml`, `README.md`, `apt-packages.txt`: image and tests of the member and of its dependents
    `contracts/<name>.v<N>.yaml`: tests of the member, and of the readers of this version
    `Dockerfile`: its image; `prefect.yaml`: its deployment; all other files: its tests
of the root (`changed_files`)
    `uv.lock`, for each version, file or dependency that differs: image and tests of the members that install it; only
        tests, if an extra or a group installs it
    `infra/docker/Dockerfile`: the image `prefect`, and those of departments without a Dockerfile of their own
    `.dockerignore`, and scripts in `infra/docker/`: all images
    `TESTS_OF_ALL`: tests of all members; of `pyproject.toml` without linters, import contracts, names of members,
        comments and dependencies of the root
    pages (`.md`), `.github/`, `.ci/`, `tests/`: tests of the workspace
settings (`changed_settings`)
    `configs/variables/<department>/`: deployments of the department
    `configs/departments.yaml`, `configs/environments/`, `prefect.yaml`: deployments of the departments that a changed
        entry names, and none if there is no such department; of all departments, if the entry names none
    `infra/work-pools/<pool>.yaml`: deployments of departments with one in the pool; `_<type>.yaml`: all deployments
    `configs/blocks/`, `configs/automations/`: deployments of the departments whose settings name the block, or that the
        automation names; of all departments, if there are none
    other files in `configs/`, except pages: all deployments

All other files affect nothing; a new member affects itself and its dependents in every way. A new image is deployed,
too. The template has only tests, and the image `prefect` only an image. `graph` has the dependents: members whose
locked dependencies lead to the changed one. docs/affected.md has the same rules as a table.
"""

from dataclasses import dataclass
from pathlib import Path

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
from airnub_cli.affected.graph import Concern, Graph, Impact, Impacts, complete
from airnub_cli.affected.repository import Repository
from airnub_cli.lock import FILE as LOCK
from airnub_cli.lock import Lock, load_lock
from airnub_cli.workspace import WorkspaceError

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
