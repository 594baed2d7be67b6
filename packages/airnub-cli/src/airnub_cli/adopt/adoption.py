"""Adoption: replace organisation, licence and owners in all files, in one transaction.

What came from airnub stays under Apache-2.0, whatever licence the organisation chooses for its own work: section 4 of
that licence requires its text and its notices. So its text moves to `LICENSES/`, and the shared packages, which are
airnub's code with the organisation's changes, are under both licences.

`--without-example` removes references to the example department outside of its own folders. Pages and tests are not
rewritten, so that a later merge from airnub has fewer conflicts: pages keep commands of the example as examples, and
tests that need it have the mark `example`, which skips them where it is missing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from airnub_cli.configuration.registry import Names, Registry, load_registry
from airnub_cli.remove.removal import Removal, leave_out, planned_removal
from airnub_cli.template.history import require_clean
from airnub_cli.transaction import at_work, write_together
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_cli.workspace_copy import WorkspaceCopy

_AIRNUB_LICENCE = "Apache-2.0"
"""The licence of airnub."""
_LICENCE_FILE, _AIRNUB_LICENCE_FILE = "LICENSE", "LICENSES/Apache-2.0.txt"
_LICENCE_FIELD = re.compile(r'^license = ".*"$', re.MULTILINE)
_LICENCE_SENTENCE = re.compile(
    r"^Licence: \[[^\]]*\]\(LICENSE\)\.(?:\nWhat came from airnub: \[[^\]]*\]\([^)]*\)\.)?", re.MULTILINE
)


def spdx(text: str) -> str:
    """Normalise an SPDX licence expression.

    Raises:
        WorkspaceError: it is invalid; the message has the unknown identifier.
    """
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression as error:
        raise WorkspaceError(
            f"--licence: expected an SPDX licence expression such as MIT, Apache-2.0 or LicenseRef-Proprietary, found "
            f"{text!r}: {error}; the identifiers are listed on https://spdx.org/licenses/"
        ) from error


def member_licence(path: str, licence: str) -> str:
    """The licence expression for the pyproject file at a path; that of a shared package includes Apache-2.0."""
    if licence == _AIRNUB_LICENCE or not path.startswith("packages/"):
        return licence
    return f"({licence}) AND {_AIRNUB_LICENCE}" if " OR " in licence else f"{licence} AND {_AIRNUB_LICENCE}"


def with_licence_field(text: str, licence: str) -> str:
    """Replace the licence in a pyproject file; a file without one is unchanged."""
    return _LICENCE_FIELD.sub(lambda _: f'license = "{licence}"', text, count=1)


def with_licence_sentence(text: str, licence: str) -> str:
    """Replace the sentence with the licence in a README; a file without one is unchanged."""
    origin = (
        "" if licence == _AIRNUB_LICENCE else f"\nWhat came from airnub: [{_AIRNUB_LICENCE}]({_AIRNUB_LICENCE_FILE})."
    )
    return _LICENCE_SENTENCE.sub(lambda _: f"Licence: [{licence}]({_LICENCE_FILE}).{origin}", text, count=1)


def licence_files(texts: dict[str, str], organisation: str, licence: str) -> dict[str, str]:
    """Generate the files with the texts of licences.

    Args:
        texts: present texts of `LICENSE` and `LICENSES/Apache-2.0.txt`; the second may be missing.
        organisation: the copyright holder.
        licence: the new SPDX expression.

    Returns:
        New texts by path. The organisation adds the text of a licence other than Apache-2.0 itself.
    """
    origin = texts.get(_AIRNUB_LICENCE_FILE, texts[_LICENCE_FILE])
    if licence == _AIRNUB_LICENCE:
        return {_LICENCE_FILE: origin}
    stated = (
        f"SPDX-License-Identifier: {licence}\n\n"
        f"Copyright {organisation}\n\n"
        f"This repository was made from airnub. What came from airnub is under {_AIRNUB_LICENCE}, whose text is in\n"
        f"{_AIRNUB_LICENCE_FILE}; everything else is under {licence}.\n"
    )
    # A text that the organisation added is kept.
    kept = texts[_LICENCE_FILE] if texts[_LICENCE_FILE].startswith(f"SPDX-License-Identifier: {licence}\n") else stated
    return {_LICENCE_FILE: kept, _AIRNUB_LICENCE_FILE: origin}


_REGISTRY, _README = "configs/departments.yaml", "README.md"
_PLACEHOLDER = re.compile(r"\bexample\.(?:org|com)\b")


@dataclass(frozen=True, slots=True)
class Adopted:
    """The changes of an adoption, or those of a dry run."""

    changed: tuple[str, ...]
    """New and changed files, relative to the root."""
    removed: tuple[str, ...]
    """Removed folders and files."""
    left: tuple[str, ...]
    """Manual steps, as `file:line: what to do`."""


def adopt(
    workspace: Workspace,
    organisation: str,
    *,
    licence: str | None = None,
    platform_owner: str | None = None,
    keep_example: bool = True,
    dry_run: bool = False,
) -> Adopted:
    """Replace organisation, licence and owners in the whole repository.

    Args:
        workspace: the checkout.
        organisation: its name on GitHub; owners are its teams.
        licence: an SPDX expression; `None` keeps the present licence.
        platform_owner: the team that owns the shared files; `None` keeps the present team.
        keep_example: keep the example department.
        dry_run: change nothing.

    Raises:
        WorkspaceError: an argument is invalid, or the working tree is not clean; nothing was written.
        ConfigurationError: a file has a form that cannot be edited; nothing was written.
    """
    root = workspace.root
    said = {"organisation": organisation, "platform_owner": platform_owner}
    wanted = {name: value for name, value in said.items() if value is not None}
    _check(load_registry(root), wanted)
    removal = None if keep_example else _removal(workspace)
    with at_work(root) as folder:
        proposal = WorkspaceCopy(root, folder, _README, _LICENCE_FILE, _AIRNUB_LICENCE_FILE, *EXAMPLE_FILES)
        registry = proposal.read(_REGISTRY)
        for name, value in wanted.items():
            registry = _with_value(registry, name, value)
        proposal.write(_REGISTRY, registry)
        if licence is not None:
            _state_licence(proposal, organisation, spdx(licence))
        if removal is not None:
            leave_out(proposal, removal)
            for path in EXAMPLE_FILES:
                if proposal.path(path).is_file():
                    proposal.write(path, without_example(path, proposal.read(path)))
        folders = removal.folders if removal else ()
        if proposal.changes() or folders:
            if not dry_run:
                require_clean(root)
            proposal.settle()
        inside = tuple(f"{one}/" for one in folders)
        changes = {path: content for path, content in proposal.changes().items() if not path.startswith(inside)}
        if (changes or folders) and not dry_run:
            write_together(root, changes, folders)
        return Adopted(
            tuple(sorted(path for path, content in changes.items() if content is not None)),
            (*(f"{one}/" for one in folders), *sorted(path for path, content in changes.items() if content is None)),
            tuple(_left(proposal, licence)),
        )


def _check(registry: Registry, wanted: dict[str, str]) -> None:
    for name, value in wanted.items():
        try:
            Registry.model_validate({**registry.model_dump(), name: value})
        except ValueError as error:
            is_organisation = name == "organisation"
            reason = "a GitHub name: letters, digits and dashes" if is_organisation else "the name of a team"
            option = f"--{name.replace('_', '-')}"
            raise WorkspaceError(f"{option}: expected {reason}, found {value!r}") from error


def _removal(workspace: Workspace) -> Removal | None:
    """Plan the removal of the example department; `None` if it was removed already."""
    if not any(member.module == EXAMPLE.module for member in workspace.members.values()):
        return None
    return planned_removal(workspace, EXAMPLE.module, is_root_changed=True)


def _with_value(text: str, name: str, value: str) -> str:
    """Set a top-level scalar of a YAML file."""
    line = f"{name}: {yaml.safe_dump(value).splitlines()[0]}"
    found = re.compile(rf"^{name}:.*$", re.MULTILINE)
    return found.sub(lambda _: line, text, count=1) if found.search(text) else f"{line}\n{text}"


def _state_licence(proposal: WorkspaceCopy, organisation: str, licence: str) -> None:
    for path in sorted(proposal.folder.rglob("pyproject.toml")):
        name = path.relative_to(proposal.folder).as_posix()
        proposal.write(name, with_licence_field(proposal.read(name), member_licence(name, licence)))
    places = (_LICENCE_FILE, _AIRNUB_LICENCE_FILE)
    texts = {name: proposal.read(name) for name in places if proposal.path(name).is_file()}
    if _LICENCE_FILE in texts:
        for name, text in licence_files(texts, organisation, licence).items():
            proposal.write(name, text)
    if proposal.path(_README).is_file():
        proposal.write(_README, with_licence_sentence(proposal.read(_README), licence))


def _left(proposal: WorkspaceCopy, licence: str | None) -> Iterator[str]:
    """Yield the manual steps: placeholder values, and references that need a different department."""
    for path in sorted(proposal.folder.glob("configs/**/*.yaml")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if _PLACEHOLDER.search(line) and not line.lstrip().startswith("#"):
                yield f"{path.relative_to(proposal.folder).as_posix()}:{number}: replace {line.strip()}"
    second = proposal.root / "docker-compose.workers.yml"
    if second.is_file() and not (proposal.folder / "departments" / EXAMPLE.module).is_dir():
        for number, line in enumerate(second.read_text(encoding="utf-8").splitlines(), 1):
            if f"worker-{EXAMPLE.slug}" in line:
                yield f"{second.name}:{number}: replace it by the worker of one of your departments"
    if licence is not None and spdx(licence) != _AIRNUB_LICENCE:
        yield f"{_LICENCE_FILE}: add the text of {spdx(licence)}"


EXAMPLE = Names("project_alpha", "Project Alpha")
EXAMPLE_NOTE = (
    f"> This repository has no example department: where a page types `{EXAMPLE.slug}`, type a department of yours.\n"
    "> [How it was adopted](docs/adopt.md#the-example)."
)
"""The note below the README's heading after the removal of the example."""


def without_example(path: str, text: str) -> str:
    """Remove the references to the example from a file of the root.

    Args:
        path: one of `EXAMPLE_FILES`.
        text: of the file.
    """
    return _WITHOUT_EXAMPLE[path](text)


def _pyproject(text: str) -> str:
    text = re.sub(rf', "{EXAMPLE.slug}"|"{EXAMPLE.slug}", ', "", text)
    return re.sub(rf"^{EXAMPLE.slug} = \{{ workspace = true \}}\n", "", text, flags=re.MULTILINE)


def _prometheus(text: str) -> str:
    target = rf'"worker-{EXAMPLE.slug}:\d+"'
    return re.sub(rf"{target}, |(?:, )?{target}", "", text)


def _readme(text: str) -> str:
    text = re.sub(rf" The sample data are in the public domain:\n\[.*\]\(departments/{EXAMPLE.module}/.*\)\.", "", text)
    heading, gap, rest = text.partition("\n\n")
    return text if EXAMPLE_NOTE in text else f"{heading}\n\n{EXAMPLE_NOTE}{gap}{rest}"


_WITHOUT_EXAMPLE = {
    "pyproject.toml": _pyproject,
    "infra/prometheus/prometheus.yaml": _prometheus,
    "README.md": _readme,
}
EXAMPLE_FILES = tuple(_WITHOUT_EXAMPLE)
"""Files of the root with references to the example that are removed."""
