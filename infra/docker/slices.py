"""Extract an image's packages from `uv.lock`, one file per layer, so that other lines of the lock change no layer.

    slices.py FOLDER [--department NAME | --prefect | --kubernetes | --setup]

Writes into FOLDER, in the format of `uv pip install --require-hashes --no-deps -r`:

    shared.txt   packages of every image: the dependencies of `airnub-prefect`
    tables.txt   further dependencies of `airnub-data` (polars, Delta Lake): large, and used by most departments
    own.txt      all other packages
    members      folders of workspace members that are installed too, those of `airnub-prefect` first
"""

import argparse
import re
import subprocess
from pathlib import Path

EXPORT = ("uv", "export", "--quiet", "--frozen", "--no-dev", "--no-editable", "--no-header", "--no-annotate")


def main() -> None:
    """Read the arguments and write the files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--department")
    what.add_argument("--prefect", action="store_true")
    what.add_argument("--kubernetes", action="store_true")
    what.add_argument("--setup", action="store_true")
    options = parser.parse_args()
    shared, members = exported("--package", "airnub-prefect")
    slices = {"shared": shared}
    if options.department or options.prefect or options.kubernetes or options.setup:
        arguments = ["--package", options.department] if options.department else ["--all-packages"]
        if options.prefect or options.kubernetes:
            arguments = ["--package", "airnub-prefect", "--extra", "worker"]
        if options.kubernetes:
            arguments += ["--extra", "kubernetes"]
        tables, _ = exported("--package", "airnub-data")
        whole, further = exported(*arguments)
        slices["tables"] = [one for one in whole if one in tables and one not in shared]
        slices["own"] = [one for one in whole if one not in tables and one not in shared]
        members += [one for one in further if one not in members]
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, requirements in slices.items():
        (options.folder / f"{name}.txt").write_text("".join(f"{one}\n" for one in requirements))
    (options.folder / "members").write_text("".join(f"{one}\n" for one in members))


def exported(*arguments: str) -> tuple[list[str], list[str]]:
    """Requirements with their hashes, and folders of workspace members."""
    text = subprocess.run([*EXPORT, *arguments], check=True, capture_output=True, text=True).stdout
    entries = [one for one in re.split(r"(?<!\\)\n", text) if one.strip()]
    members = [entry.partition(" ;")[0].removeprefix("./") for entry in entries if entry.startswith(".")]
    return [entry for entry in entries if not entry.startswith(".")], members


if __name__ == "__main__":
    main()
