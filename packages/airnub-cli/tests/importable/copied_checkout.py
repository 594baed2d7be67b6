"""A checkout for new departments: the template and the root's own files, as they are here."""

import re
import shutil
from pathlib import Path

import pytest

from airnub_cli.workspace import Workspace

ROOT = Path(__file__).parents[4]
FILES = (
    "pyproject.toml", "uv.lock", "docker-compose.yml", "prefect.yaml", "configs", "infra/work-pools",
    "departments/_template", "departments/project_alpha/pyproject.toml", "departments/project_alpha/prefect.yaml",
)  # fmt: skip


@pytest.fixture
def house(tmp_path):
    """A copy of the files of this repository that matter; of other departments only the names."""
    if not (ROOT / "uv.lock").is_file():
        pytest.skip("not in a checkout")
    caches = shutil.ignore_patterns("__pycache__", ".*cache", ".venv")
    for name in (*FILES, *(path.relative_to(ROOT) for path in ROOT.glob("*/*/pyproject.toml"))):
        source, copy = ROOT / name, tmp_path / name
        if not source.exists():  # the example's, which `airnub adopt` may have taken out
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=caches)
        else:
            shutil.copy2(source, copy)
    lock = tmp_path / "uv.lock"
    # Most of it is hashes of files, and reading it takes longer than what is tested.
    lock.write_text(re.sub(r"^(sdist = .*|wheels = \[\n(    .*\n)*\])\n", "", lock.read_text(), flags=re.MULTILINE))
    return Workspace.around(tmp_path)
