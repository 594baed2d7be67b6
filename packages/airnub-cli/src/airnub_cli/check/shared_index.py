"""An index in SQLite on a volume that many nodes write: a network file system, on which SQLite is not safe."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from airnub_cli.kubernetes.rendering import FOLDER
from airnub_prefect.errors import Diagnostic

if TYPE_CHECKING:
    from airnub_cli.apply.desired_state import DesiredState  # it brings Prefect

VOLUME = FOLDER / "data.yaml"
MANY = "ReadWriteMany"


def shared_indexes(root: Path, wanted: "DesiredState") -> Iterator[Diagnostic]:
    """Stages whose index is `null` where runs are pods and their volume is written by many nodes.

    Args:
        root: of the repository.
        wanted: what an environment asks for.
    """
    if not any(pool.type == "kubernetes" for pool in wanted.pools) or not _is_shared(root / VOLUME):
        return
    for one in wanted.variables:
        if isinstance(one.value, dict) and "store" in one.value and one.value.get("index") is None:
            labels = dict(tag.split(":", 1) for tag in one.tags if ":" in tag)
            yield Diagnostic(
                f"configs/variables/{labels['department']}/{labels['stage']}.yaml",
                None,
                f"index: expected an index in PostgreSQL, such as {{block: secret/index-url}}, here or in "
                f"configs/environments/{wanted.environment}.yaml, found null: the volume in {VOLUME.as_posix()} "
                f"is {MANY}, a network file system, on which SQLite is not safe; on one node, ReadWriteOnce is enough",
            )


def _is_shared(path: Path) -> bool:
    if not path.is_file():
        return False
    documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return any(MANY in (one.get("spec") or {}).get("accessModes", ()) for one in documents if isinstance(one, dict))
