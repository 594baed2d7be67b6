"""The command `airnub contract`: contracts are selected by name, and exported by the modules beside this one."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from airnub_cli.configuration.dotenv import quiet_prefect
from airnub_cli.workspace import Workspace, WorkspaceError, advice, importable
from airnub_common import write_atomic
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.exit_codes import INVALID

if TYPE_CHECKING:
    from airnub_cli.data_contracts.publications import ContractVersion, Publications


def selected(publications: "Publications", names: Sequence[str]) -> "list[ContractVersion]":
    """Select versions of contracts by name, in the order of the names; all without a name.

    Args:
        publications: of the workspace.
        names: `department/name` for all versions, or `department/name.v2`.

    Raises:
        ConfigurationError: some names are unknown; each is reported with similar names.
    """
    from airnub_core.contracts.contract import versioned

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
    from airnub_prefect.validation import nearest

    contracts = [one for one in every if "." not in one]
    valid = nearest(name, every) or (f"published are {', '.join(contracts)}" if contracts else "nothing is published")
    return f"expected a contract as DEPARTMENT/NAME or DEPARTMENT/NAME.vN, found none of this name; {valid}"


_FILES = {".yaml", ".yml"}


@click.group("contract", epilog="Example: uv run airnub contract export")
def contract() -> None:
    """Export the contracts of published datasets and events."""


@contract.command(
    "export", epilog="\b\nExample: uv run airnub contract export project_alpha/noaa_daily_weather -o contract.yaml"
)
@click.argument("names", nargs=-1, metavar="[DEPARTMENT/NAME[.vN]]...")
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    help="File ending in .yaml for one contract, or folder for one file per contract. Default: stdout.",
)
def export(names: tuple[str, ...], output: str | None) -> None:
    """Print contracts in the Open Data Contract Standard.

    The format is YAML of version 3.1.0; without arguments, all contracts are printed. Each has columns, types, units,
    keys, partitioning, checks, freshness, owner and location. A name without .vN selects all versions. The code of a
    contract is imported, so the dependencies of departments must be installed.
    """
    quiet_prefect()
    try:
        workspace = Workspace.around(Path.cwd())
        documents = _documents(workspace, names)
        _require_one_for_a_file(documents, output)
    except WorkspaceError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(INVALID)
    except ConfigurationError as error:
        click.secho(str(error), fg="red", err=True)
        if hint := advice(workspace, error.mistakes):
            click.secho(hint, fg="yellow", err=True)
        sys.exit(INVALID)
    if output is None:
        click.echo("---\n".join(documents.values()), nl=False)
        return
    path = Path(output)
    if path.suffix in _FILES:
        [text] = documents.values()
        _write(path, text)
        return
    for identity, text in documents.items():
        _write(path / f"{identity}.odcs.yaml", text)


def _documents(workspace: Workspace, names: tuple[str, ...]) -> dict[str, str]:
    """The text of each contract, by its identity in the standard."""
    # These import Pydantic and Prefect, which `--help` does not need.
    from airnub_cli.configuration.registry import load_registry
    from airnub_cli.contract.odcs import odcs_document, servers_of
    from airnub_cli.data_contracts.publications import read_publications, with_code
    from airnub_cli.workspace import INSTALL_ALL
    from airnub_prefect.errors import Diagnostic

    registry = load_registry(workspace.root)
    publications = read_publications(workspace)
    paths = {version.file.path for version in selected(publications, names)}
    if mistakes := [one for one in publications.mistakes if one.where in paths]:
        raise ConfigurationError(mistakes)
    versions = {
        name: kept
        for name, numbered in publications.versions.items()
        if (kept := {number: version for number, version in numbered.items() if version.file.path in paths})
    }
    # Keep output of imported modules off stdout.
    folders = [member.folder / "src" for member in workspace.members.values()]
    with redirect_stdout(sys.stderr), importable(folders):
        publications, wrong = with_code(replace(publications, versions=versions))
    if wrong:
        found = (
            one if isinstance(one, Diagnostic) else Diagnostic(path, None, _installable(one, INSTALL_ALL))
            for path, one in wrong.items()
        )
        raise ConfigurationError(list(dict.fromkeys(found)))
    documents: dict[str, str] = {}
    for version in selected(publications, names):
        department = version.member.folder.name
        is_dataset = version.says is not None and version.says.kind == "dataset"
        servers = servers_of(workspace.root, department, version.stem) if is_dataset else []
        document = odcs_document(version, registry, servers)
        documents[str(document["id"])] = _yaml(document)
    return documents


def _installable(message: str, advice: str) -> str:
    return f"{message}; {advice}" if "ModuleNotFoundError" in message else message


def _yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes repeated values in full: anchors are valid YAML, and hard to read."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the name is PyYAML's
        return True


def _require_one_for_a_file(documents: dict[str, str], output: str | None) -> None:
    if output is not None and Path(output).suffix in _FILES and len(documents) != 1:
        found = ", ".join(documents) or "none"
        raise ConfigurationError.of(
            "--output",
            f"expected one contract for a file, found {found}; name one (DEPARTMENT/NAME.vN), or pass a folder",
        )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text)
    click.echo(f"{path} is written", err=True)
