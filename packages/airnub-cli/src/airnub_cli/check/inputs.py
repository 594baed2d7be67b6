"""Inputs: digests of what looks go by, so that what was right is looked at again only where something is another.

What a department's own import shows is remembered for each department; these are looks at the whole.
"""

import hashlib
import re
from pathlib import Path

from airnub_cli.configuration.placeholders import known_values
from airnub_cli.fingerprints import Fingerprints, digest_of, read_tree
from airnub_cli.workspace import Workspace

_PLACEHOLDER = re.compile(rb"\$\{([A-Za-z_][A-Za-z0-9_]*)")
_CONFIGURED = ("configs", "infra")


def of_imports(workspace: Workspace) -> str | None:
    """What decides who imports whom and may: the sources of all members, and all `pyproject.toml` files."""
    parts = [_of_file(workspace.root / "pyproject.toml")]
    for member in workspace.members.values():
        sources = read_tree(member.folder / "src" / member.module)
        if sources is None:
            return None
        parts += [member.name, str(member.folder), sources.digest, _of_file(member.folder / "pyproject.toml")]
    return digest_of(*parts)


def of_backend(workspace: Workspace) -> str | None:
    """What decides whether the backend's files are right: they, the settings of departments, and what fills them."""
    imported = Fingerprints(workspace).imported()
    if imported is None:
        return None
    parts, names = [imported], set[str]()
    for folder in _CONFIGURED:
        for path in sorted((workspace.root / folder).rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                names |= {name.decode() for name in _PLACEHOLDER.findall(content)}
                parts += [str(path.relative_to(workspace.root)), hashlib.sha256(content).hexdigest()]
    values = known_values(workspace.root)
    names |= {name for name in values if name.startswith("AIRNUB_")}  # secrets without a block, in .env
    return digest_of(*parts, *(f"{name}={values.get(name)}" for name in sorted(names)))


def _of_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
