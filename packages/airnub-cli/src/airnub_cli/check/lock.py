"""The lock: whether `uv.lock` is what uv would write for the `pyproject.toml` files."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from airnub_prefect.errors import Diagnostic


def check_lock(root: Path) -> Iterator[Diagnostic]:
    """One mistake when it is not, or cannot be asked."""
    path = str(root / "uv.lock")
    try:
        done = subprocess.run(["uv", "lock", "--check"], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        yield Diagnostic(
            path, None, "expected uv on the PATH, to ask whether the lock fits; found none: `pip install uv`"
        )
        return
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("Resolved")]
        found = said[-1].strip() if said else f"exit status {done.returncode}"
        yield Diagnostic(path, None, f"expected the lock to fit the pyproject files, found: {found}; `uv lock`")
