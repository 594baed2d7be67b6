"""Update of departments to the present template, with all files of all departments in one transaction.

It merges the template's changes into files, and rewrites `template.toml`, imports of moved names and the dependency on
airnub-data. Then `WorkspaceCopy.settle` writes `uv.lock` and all files that `airnub compile` generates.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from airnub_cli.compile.prefect_yaml import FILE
from airnub_cli.configuration.registry import TEMPLATE_FOLDER, Names, Registry, load_registry
from airnub_cli.new.template_copy import DepartmentSpec, department_files
from airnub_cli.template.comparison import FileDifference, FileState, compare
from airnub_cli.template.history import TemplateOrigin, origin_path, read_origin, template_at, tree_here
from airnub_cli.template.moved_names import declare_data, imports_old_names, move_names, rename_names
from airnub_cli.transaction import at_work, write_together
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_cli.workspace_copy import WorkspaceCopy


@dataclass(frozen=True, slots=True)
class TemplateStatus:
    """A department with its differences from the template."""

    department: str
    origin: TemplateOrigin | None
    """The recorded template; `None` if there is no record, so that nothing can be compared."""
    differences: tuple[FileDifference, ...] = ()
    lost: str = ""
    """The reason if git does not have the recorded template, so that nothing can be compared."""

    @property
    def state(self) -> str:
        """The most urgent state of its files; `current` without differences, `unknown` without a template."""
        if self.origin is None or self.lost:
            return "unknown"
        states = {one.state for one in self.differences}
        order = (FileState.UNRESOLVED, FileState.CONFLICT, FileState.MERGES, FileState.BEHIND, FileState.CHANGED)
        return next((str(state) for state in order if state in states), "current")


@dataclass(frozen=True, slots=True)
class Updated:
    """The result of an update."""

    standings: list[TemplateStatus]
    """The differences before the update."""
    written: list[str]
    """Written files, relative to the root."""
    warning: str | None = None
    """The error if lock and deployments could not be generated again."""
    left: list[str] = field(default_factory=list)
    """Uses of names of `airnub_core.tables` and `airnub_core.datasets` that cannot be rewritten, as
    `file:line: what to do`."""


def standings(workspace: Workspace, names: Sequence[str] = (), base: str | None = None) -> list[TemplateStatus]:
    """Compare departments with the template.

    Args:
        workspace: the checkout.
        names: of departments; by default all but the template.
        base: hash of a git tree that overrides the records of departments.

    Raises:
        WorkspaceError: there is no such department, or a record is invalid.
    """
    root, made = workspace.root, {}
    for name in _departments(workspace, names):
        origin = read_origin(root, name)
        if base is not None:
            origin = TemplateOrigin(tree=base) if origin is None else origin.model_copy(update={"tree": base})
        made[name] = origin
    with ExitStack() as stack:
        folders: dict[str, Path] = {}
        lost: dict[str, str] = {}
        trees = sorted({origin.tree for origin in made.values() if origin is not None})
        here = tree_here(root) if trees else None
        for tree in trees:
            try:
                folders[tree] = root if tree == here else stack.enter_context(template_at(root, tree))
            except WorkspaceError as error:
                lost[tree] = str(error)
        registry = load_registry(root)
        return [
            TemplateStatus(name, origin, lost=lost[origin.tree])
            if origin is not None and origin.tree in lost
            else _standing(root, name, origin, folders, registry)
            for name, origin in made.items()
        ]


def update(workspace: Workspace, names: Sequence[str] = (), base: str | None = None) -> Updated:
    """Merge the template's changes into departments; no change of a department is lost.

    Once the template has no imports of `airnub_core.tables` and `airnub_core.datasets`, those of departments are
    rewritten too, if the names have a successor in `airnub_data`.

    A department with conflict markers of an earlier update is skipped, since it does not have the present template.

    Raises:
        WorkspaceError: as for `standings`; nothing was written.
    """
    root, tree = workspace.root, tree_here(workspace.root)
    found = standings(workspace, names, base)
    with at_work(root) as folder:
        proposal = WorkspaceCopy(root, folder, *(f"departments/{one.department}/**/*" for one in found))
        for one in found:
            if one.origin is None or one.state in {"unknown", "unresolved"}:
                continue
            for difference in one.differences:
                if difference.content is not None:
                    proposal.write(difference.path, difference.content)
                elif (root / difference.path).is_file():
                    proposal.remove(difference.path)
            proposal.write(origin_path(one.department), one.origin.model_copy(update={"tree": tree}).text())
        left = [place for one in found if one.state != "unresolved" for place in _move_names(proposal, one.department)]
        warning = None
        if proposal.changes():
            try:
                proposal.settle()
            except WorkspaceError as error:
                warning = str(error)
        changes = proposal.changes()
        if changes:
            write_together(root, changes)
    return Updated(found, sorted(changes), warning, left)


def _move_names(proposal: WorkspaceCopy, department: str) -> Iterator[str]:
    """Rewrite imports of moved modules and renamed names, and those of names that moved to `airnub_data` once the
    template has none of them; yield the places that need manual changes.
    """
    for path, text in _sources(proposal.path(f"departments/{department}")).items():
        renamed, left = rename_names(text)
        name = path.relative_to(proposal.folder).as_posix()
        yield from (f"{name}:{line}: {what}" for line, what in left)
        if renamed != text:
            proposal.write(name, renamed)
    if any(map(imports_old_names, _sources(proposal.root / "departments" / TEMPLATE_FOLDER).values())):
        return
    has_moved = False
    for path, text in _sources(proposal.path(f"departments/{department}")).items():
        moved = move_names(text)
        name = path.relative_to(proposal.folder).as_posix()
        yield from (f"{name}:{line}: {what}" for line, what in moved.left)
        if moved.text != text:
            proposal.write(name, moved.text)
            has_moved = True
    if has_moved:
        project = f"departments/{department}/pyproject.toml"
        content = proposal.path(project).read_bytes().decode()
        if (declared := declare_data(content)) is None:
            yield f"{project}: expected a dependency on airnub-data, found none; declare it and its source"
        elif declared != content:
            proposal.write(project, declared)


def _sources(folder: Path) -> dict[Path, str]:
    """The texts of Python files below a folder; files that are not UTF-8 are skipped."""
    found: dict[Path, str] = {}
    for path in sorted(folder.glob("src/**/*.py")) + sorted(folder.glob("tests/**/*.py")):
        try:
            found[path] = path.read_bytes().decode()
        except UnicodeDecodeError:
            continue
    return found


def _standing(
    root: Path, name: str, origin: TemplateOrigin | None, folders: dict[str, Path], registry: Registry
) -> TemplateStatus:
    if origin is None:
        return TemplateStatus(name, None)
    wanted = DepartmentSpec(Names(name, origin.display_name), owner="", left_out=frozenset(origin.left_out))
    registered = registry.named(name)
    folder, now = folders[origin.tree], department_files(root, wanted)
    before = dict(now) if folder == root else department_files(folder, wanted)
    if registered is not None:
        for files in (before, now):
            _tag(files, name, registered.owner)
    return TemplateStatus(name, origin, tuple(compare(root, before, now, f"departments/{name}")))


def _tag(files: dict[str, bytes], name: str, owner: str) -> None:
    """Write the owner tags, as `airnub compile` does, so that they do not count as changes of the department."""
    path = f"departments/{name}/{FILE}"
    if path in files:
        department = f"department:{name}"
        files[path] = files[path].replace(f"{department}, ".encode(), f"{department}, owner:{owner}, ".encode())
        files[path] = files[path].replace(f"{department}]".encode(), f"{department}, owner:{owner}]".encode())


def _departments(workspace: Workspace, names: Sequence[str]) -> Iterator[str]:
    if not names:
        every = [one for one in workspace.members.values() if one.kind == "department"]
        yield from sorted(one.folder.name for one in every if one.folder.name != TEMPLATE_FOLDER)
        return
    for name in dict.fromkeys(names):
        member = workspace.named(name)
        if member.kind != "department" or member.folder.name == TEMPLATE_FOLDER:
            raise WorkspaceError(f"expected a department, found {name!r}")
        yield member.folder.name
