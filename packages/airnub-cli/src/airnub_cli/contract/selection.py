"""Selection: which versions of contracts a command means."""

from collections.abc import Sequence

from airnub_cli.data_contracts.publications import ContractVersion, Publications
from airnub_core.contracts.schema import versioned
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.validation import nearest


def selected(publications: Publications, names: Sequence[str]) -> list[ContractVersion]:
    """The versions of these contracts, in their order; without a name, all.

    Args:
        publications: of the workspace.
        names: `department/name`, which means all its versions, or `department/name.v2`.

    Raises:
        ConfigurationError: there is no such contract; every wrong name, with the nearest ones.
    """
    every: dict[str, list[ContractVersion]] = {}
    for (department, name), versions in sorted(publications.versions.items()):
        for number, version in sorted(versions.items()):
            every.setdefault(f"{department}/{name}", []).append(version)
            every[f"{department}/{versioned(name, number)}"] = [version]
    if not names:
        return [version for name, versions in every.items() if "." not in name for version in versions]
    if wrong := [name for name in names if name not in every]:
        raise ConfigurationError([Diagnostic(name, None, _unknown(name, list(every))) for name in dict.fromkeys(wrong)])
    found = [version for name in names for version in every[name]]
    return list({version.file.path: version for version in found}.values())


def _unknown(name: str, every: list[str]) -> str:
    contracts = [one for one in every if "." not in one]
    valid = nearest(name, every) or (f"published are {', '.join(contracts)}" if contracts else "nothing is published")
    return f"expected a contract as DEPARTMENT/NAME or DEPARTMENT/NAME.vN, found none of this name; {valid}"
