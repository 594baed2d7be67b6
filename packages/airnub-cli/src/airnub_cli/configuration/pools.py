"""Work pools as far as deployments need them: which there are. What is in their files is for `airnub apply`."""

from pathlib import Path


def pool_files(root: Path) -> dict[str, Path]:
    """The work pools that are files, by name; a file that begins with `_` is what several have in common."""
    files = sorted((root / "infra" / "work-pools").glob("*.yaml"))
    return {path.stem: path for path in files if not path.name.startswith("_")}
