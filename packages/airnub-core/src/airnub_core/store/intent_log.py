"""The intent log: what is about to be published, written down before, so that a crash in between is made good.

A batch is published by renaming its staged folders. Before the first rename, one sync brings them and this list to the
disk; so whatever is visible is whole, and whatever a power loss takes back of the renames, the next run renames again.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from airnub_core.store.layout import Staged

_PATTERN = "redo-*.json"


def write_intent_log(folder: Path, number: int, batch: Iterable[Staged]) -> Path:
    """Write the list of a batch into its staging folder; its path.

    Lists that are there stay: those of a dead process are needed until the index knows of all that they name, and who
    takes them up may die too.

    Raises:
        OSError: the disk is full, or the store was removed.
    """
    while (path := folder / f"redo-{number}.json").is_file():
        number += 1
    path.write_text(json.dumps(list(batch)), encoding="utf-8")
    return path


def read_intent_logs(folder: Path) -> Iterator[Staged]:
    """What the lists in the staging folder of a dead process name.

    A list that a crash has cut names nothing: nothing of it was published then.
    """
    for path in sorted(folder.glob(_PATTERN)):
        try:
            entries = json.loads(path.read_bytes())
            yield from [Staged(*entry) for entry in entries]
        except (ValueError, TypeError):
            continue
