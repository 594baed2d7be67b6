"""Contracts: who reads what a changed one publishes. Whose it is follows from the folder that it lies in."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from airnub_cli.affected.impacts import Concern, Impacts, Target

_CONTRACT = re.compile(r"departments/(?P<department>[^/]+)/contracts/(?P<name>[^/]+)\.v(?P<version>\d+)\.yaml")


def tell_readers(findings: Impacts, root: Path, targets: Mapping[str, Target], paths: Iterable[str]) -> None:
    """Say whom changed contracts concern besides the department that publishes.

    Args:
        findings: where it is said.
        root: of the workspace.
        targets: members by folder.
        paths: changed files; of a contract that is gone, too.
    """
    for path in paths:
        if (match := _CONTRACT.fullmatch(path)) is None:
            continue
        # It brings Pydantic, which takes longer than all the rest.
        from airnub_cli.data_contracts.reads import readers

        department, what = match["department"], (f"{match['department']}/{match['name']}", int(match["version"]))
        for reader in readers(root, department):
            target = targets.get(f"departments/{reader.department}")
            if target is not None and (reader.contract, reader.version) == what:
                findings.add(target, [path, department], {Concern.TESTS})
