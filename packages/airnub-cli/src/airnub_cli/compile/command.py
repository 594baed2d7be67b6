"""The command `airnub compile`; the work is in the modules beside this one."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import cast, get_args

import click

from airnub_cli.configuration import LOCAL, PoolType
from airnub_cli.configuration.dotenv import quiet_prefect
from airnub_cli.subprocesses import without_collection
from airnub_cli.workspace import Workspace, WorkspaceError, advice
from airnub_common import write_atomic
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.exit_codes import COMPLETED, FAILED, INVALID
from airnub_prefect.paths import shown


@click.command("compile", epilog="Example: uv run airnub compile --env production -o production.yaml")
@click.option("--check", is_flag=True, help="Write nothing; list stale files, and exit with 1 if there are any.")
@click.option(
    "--env", "name", default=LOCAL, show_default=True, metavar="NAME", help="Environment of configs/environments/."
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="File to write. Default: the root's prefect.yaml; for other environments stdout (`-`).",
)
@click.option("--no-cache", is_flag=True, help="Ignore cached results, and import every department.")
@click.option(
    "--pools",
    "kind",
    type=click.Choice(get_args(PoolType)),
    help="Type of all work pools. Default: as the environment sets it, else each pool's own type.",
)
@without_collection()
def compile_(check: bool, name: str, output: str | None, no_cache: bool, kind: str | None) -> None:
    """Merge the departments' prefect.yaml files into one.

    Every deployment is checked first. Retired departments are left out. If the output is the root's prefect.yaml, tags
    of deployments are also written into the departments' files, and generated sections of other files are updated:
    CODEOWNERS, the services of Compose, the import contracts. The dependencies of departments must be installed: each
    department without a cached result is imported.
    """
    quiet_prefect()  # as `airnub check` does, so that both use the same cache entries
    # These modules import Prefect, which is slow; other commands and `--help` do not need it.
    from airnub_cli.cache import NO_CACHE, Cache
    from airnub_cli.compile.compilation import compile_environment
    from airnub_cli.compile.prefect_yaml import FILE, retagged
    from airnub_cli.compile.workspace_check import check_deployments
    from airnub_cli.configuration.environment import load_environment, said_of_sources
    from airnub_cli.configuration.generated_sections import generated_sections
    from airnub_cli.configuration.registry import load_registry
    from airnub_cli.images.docker_engine import DockerBases
    from airnub_cli.images.image import ImageDigests

    try:
        workspace = Workspace.around(Path.cwd())
        # Errors in the arguments are reported before the slow imports start.
        environment = load_environment(workspace.root, name)
        pools = cast("PoolType | None", kind)
        bases = DockerBases(registry=True)
        cache = NO_CACHE if no_cache else Cache.of_user()
        # Keep the output of imported modules off stdout.
        with redirect_stdout(sys.stderr):
            found = check_deployments(workspace, cache=cache)
        digests = ImageDigests(workspace, bases)
        text = compile_environment(workspace, name, digest=digests, kind=pools, found=found, cache=cache)
        committed = workspace.root / FILE
        is_committed = name == LOCAL and kind in {None, environment.kind} and _is(output, committed)
        wanted: dict[Path, str] = {}
        if is_committed:
            wanted = {
                source.path: retagging.expected
                for source in found.sources
                if (retagging := retagged(source)).text != retagging.expected
            }
            repeated = generated_sections(workspace.root, load_registry(workspace.root))
            wanted |= {path: made for path, made in repeated.items() if _read(path) != made}
    except (WorkspaceError, ConfigurationError) as error:
        click.echo(str(error), err=True)
        if isinstance(error, ConfigurationError) and (said := advice(workspace, error.mistakes)):
            click.secho(said, fg="yellow", err=True)
        count = len(error.mistakes) if isinstance(error, ConfigurationError) else 1
        click.secho(f"{count} mistake{'s' * (count > 1)}; nothing was written", fg="red", err=True)
        sys.exit(INVALID)
    for doubt in bases.doubts:
        click.secho(doubt, fg="yellow", err=True)
    if replaced := environment.replaced_sources():
        click.echo(said_of_sources(name, replaced), err=True)
    to = output or (str(committed) if is_committed else "-")
    if to == "-":
        if not check:
            click.echo(text, nl=False)
    elif _read(Path(to)) != text:
        wanted[Path(to)] = text
    for path, expected in wanted.items():
        if check:
            click.echo(f"{shown(path)} is stale; `{_command(name, kind, output)}` writes it", err=True)
        else:
            try:
                write_atomic(path, expected)
            except OSError as error:
                message = f"{shown(path)}: expected a file that can be written, found: {error.strerror or error}"
                click.secho(message, fg="red", err=True)
                sys.exit(INVALID)
            click.echo(f"{shown(path)} is written", err=True)
    if not wanted and to != "-":
        click.echo(f"{shown(Path(to))} is up to date: {len(found.entries())} deployments", err=True)
    sys.exit(FAILED if check and wanted else COMPLETED)


def _is(output: str | None, path: Path) -> bool:
    """Whether the output goes to this file, explicitly or by default."""
    return output is None or (output != "-" and Path(output).absolute() == path)


def _read(path: Path) -> str | None:
    # A file with other bytes is replaced.
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None


def _command(name: str, kind: str | None, output: str | None) -> str:
    parts = [
        "airnub compile",
        f"--env {name}" * (name != LOCAL),
        f"--pools {kind}" if kind else "",
        f"-o {output}" if output else "",
    ]
    return " ".join(filter(None, parts))
