"""Creation of a category in the ingestion of a department, copied from a category of the template.

Its module and its test are new files. The lines that name it in `stage.py` and `settings.py` are copied from the
template, renamed, and inserted after those of the existing categories. If a department was rewritten and has no such
lines, the error says which lines to add where.
"""

import re
from pathlib import Path, PurePosixPath

from airnub_cli.configuration.registry import TEMPLATE, TEMPLATE_FOLDER, Names, renamed
from airnub_cli.new.creation import check_identifier
from airnub_cli.new.template_copy import FIRST_CATEGORY, categories, template_folder, with_sorted_imports
from airnub_cli.transaction import at_work, write_together
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_cli.workspace_copy import WorkspaceCopy

STAGE = "ingestion"
_FIELD = re.compile(r"    \w+: list\[\w+Source\] = \[\]")
_CALL = re.compile(r"    report \+?= await \w+\(.*")


def add_category(workspace: Workspace, department: str, stage: str, name: str, like: str | None = None) -> list[str]:
    """Add a category in one transaction.

    Args:
        workspace: the checkout.
        department: its name.
        stage: the stage that has categories.
        name: of the category: its module, its key in the settings, and a part of its flow's name.
        like: the template's category to copy; by default the one of the same name, else `FIRST_CATEGORY`.

    Returns:
        The files that are new or changed, relative to the root.

    Raises:
        WorkspaceError: the category cannot be added; nothing was written.
        ConfigurationError: the department does not compile with it; nothing was written.
    """
    root, known = workspace.root, categories(workspace.root)
    like = like or (name if name in known else FIRST_CATEGORY)
    if like not in known:
        raise WorkspaceError(f"--like: expected one of {', '.join(known)}, found {like!r}; nothing was written")
    member = workspace.named(department)
    if member.kind != "department" or member.folder.name == TEMPLATE_FOLDER:
        raise WorkspaceError(f"expected a department other than the template, found {department!r}")
    check_identifier(name, "category")
    names, folder = Names(member.module), member.folder.relative_to(root).as_posix()
    flows = f"{folder}/src/{names.module}/flows/{stage}"
    if stage != STAGE or not (root / flows / "stage.py").is_file():
        raise WorkspaceError(f"expected a stage with categories, {flows}/stage.py, found {stage!r}, which has none")
    if (root / flows / f"{name}.py").exists() or name in {"stage", *_fields(root, f"{folder}/src/{names.module}")}:
        raise WorkspaceError(f"expected a new category, found {name!r}, which {names.module} has; nothing was written")
    with at_work(root) as prepared:
        proposal = WorkspaceCopy(root, prepared, f"{folder}/src/**/*", f"{folder}/tests/**/*")
        template = template_folder(root)
        module = f"src/{TEMPLATE.module}/flows/{STAGE}"

        def of(path: str) -> str:
            return _renamed((template / path).read_text(encoding="utf-8"), like, name, names)

        proposal.write(f"{flows}/{name}.py", of(f"{module}/{like}.py"))
        proposal.write(
            f"{folder}/tests/flows/{STAGE}/test_{name}.py",
            with_sorted_imports(of(f"tests/flows/{STAGE}/test_{like}.py")),
        )
        stage_file, settings_file = f"{flows}/stage.py", f"{folder}/src/{names.module}/settings.py"
        lines = [line for line in of(f"{module}/stage.py").split("\n") if re.search(rf"\b{name}\b", line)]
        proposal.write(stage_file, _with_lines(stage_file, proposal.read(stage_file), lines, _CALL))
        [field] = [
            line for line in of(f"src/{TEMPLATE.module}/settings.py").split("\n") if line.startswith(f"    {name}:")
        ]
        [kind] = re.findall(r"list\[(\w+)\]", field)
        lines = [f"from airnub_core import {kind}", field]
        proposal.write(settings_file, _with_lines(settings_file, proposal.read(settings_file), lines, _FIELD))
        proposal.settle()
        changes = proposal.changes()
        write_together(root, changes)
    return sorted(changes)


def _renamed(text: str, like: str, name: str, names: Names) -> str:
    text = re.sub(rf"\b{like}\b", name, text)
    return renamed(re.sub(rf"\b{like.replace('_', '-')}\b", name.replace("_", "-"), text), names)


def _with_lines(path: str, text: str, wanted: list[str], behind: re.Pattern[str]) -> str:
    """Add an import to a module, and a line after the last one that matches `behind`."""
    imported, line = wanted
    lines = text.split("\n")
    places = [index for index, one in enumerate(lines) if behind.fullmatch(one)]
    source, what = imported.removeprefix("from ").split(" import ")
    imports = [index for index, one in enumerate(lines) if re.match(r"from [\w.]+ import [^(]*$", one)]
    if not places or not imports:
        raise WorkspaceError(
            f"expected lines of categories in {path} as in the template, found none; add at its top\n"
            f"  {imported}\nand at the matching place\n{line}"
        )
    lines.insert(places[-1] + 1, line)
    same = next((index for index in imports if lines[index].startswith(f"from {source} import ")), None)
    if same is None:
        # Beside the imports of the same package; `with_sorted_imports` sorts them.
        package = f"from {PurePosixPath(source.replace('.', '/')).parts[0]}"
        lines.insert(next((index for index in imports if lines[index].startswith(package)), imports[-1]), imported)
    else:
        there = lines[same].split(" import ")[1].split(", ")
        lines[same] = f"from {source} import {', '.join(sorted({*there, what}, key=_order))}"
    return with_sorted_imports("\n".join(lines))


def _order(name: str) -> tuple[int, str]:
    """Sort key of imported names, as the linter sorts them: constants, classes, others."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def _fields(root: Path, source: str) -> list[str]:
    path = root / source / "settings.py"
    return re.findall(r"^    (\w+):", path.read_text(encoding="utf-8"), re.MULTILINE) if path.is_file() else []
