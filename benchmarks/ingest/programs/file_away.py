"""Store a downloader's files by digest: hash each file, move it into a folder named by its digest, write a manifest.

Arguments: the folder of files, the folder to file them into, the base URL. One read, one rename, no sync.
"""

import hashlib
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path


def main(files: str, root: str, base: str) -> None:
    """File away."""
    for name in sorted(os.listdir(files)):  # noqa: PTH208  # a path object for each file would cost more than the rename
        sha = hashlib.sha256()
        size = 0
        path = f"{files}/{name}"
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            while piece := file.read(1 << 20):
                sha.update(piece)
                size += len(piece)
        digest = sha.hexdigest()
        folder = f"{root}/{digest[:2]}/{digest}"
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        os.rename(path, f"{folder}/{name}")  # noqa: PTH104
        manifest = {
            "url": f"{base}{name}",
            "file_name": name,
            "path": f"{digest[:2]}/{digest}/{name}",
            "digest": f"sha256:{digest}",
            "size": size,
            "fetched_at": datetime.now(UTC).isoformat(),
        }
        with open(f"{folder}/{name}.manifest.json", "w") as out:  # noqa: PTH123
            out.write(json.dumps(manifest, indent=2))
    Path(files).rmdir()


if __name__ == "__main__":
    main(*sys.argv[1:])
