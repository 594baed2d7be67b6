"""The command `airnub dev`; the work is in the modules beside this one."""

import shutil
import sys
from pathlib import Path

import click

from airnub_cli.workspace import Workspace, WorkspaceError, require_importable
from airnub_prefect.api_url import PORT
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.exit_codes import INVALID

SITE_PORT = 8000


@click.command("dev", epilog="Example: uv run airnub dev --port 4300")
@click.option(
    "--port", type=click.IntRange(0, 65535),
    help=f"Port of the server and its UI. Default: {PORT}, or a free port if it is taken.",
)  # fmt: skip
@click.option("--sample", is_flag=True, help="Serve the sample sites, and use them in place of the sources.")
@click.option(
    "--site-port", type=click.IntRange(0, 65535),
    help=f"Port of the sample site, with --sample. Default: {SITE_PORT}, or a free port if it is taken.",
)  # fmt: skip
@click.option(
    "--state", "folder", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Folder for the database and the data. Default: data/dev of the repository.",
)  # fmt: skip
@click.option(
    "--drain-seconds", type=click.FloatRange(min=0), default=10.0, show_default=True,
    help="Seconds that runs may take to finish after Ctrl-C.",
)  # fmt: skip
@click.option("--sqlite", is_flag=True, help="Use SQLite even if PostgreSQL is found.")
def dev(
    port: int | None, sample: bool, site_port: int | None, folder: Path | None, drain_seconds: float, sqlite: bool
) -> None:
    """Run the whole system on this machine, without Docker.

    The system is a Prefect server with its UI, and a worker for each department. Runs fetch from each department's own
    sources; with --sample from its sample site, which needs no internet.

    Configuration and deployments are applied at the start, and again when a file of packages, departments, configs or
    infra/work-pools changes. Ctrl-C stops everything; the data is kept for the next start.
    """
    if site_port is not None and not sample:
        raise click.UsageError("--site-port: expected --sample too, found none; without it no sample site is served")
    # These import asyncio and Pydantic, which `--help` does not need.
    import asyncio

    from airnub_cli.configuration.environment import load_environment, said_of_sources
    from airnub_cli.configuration.pools import pool_files
    from airnub_cli.configuration.registry import load_registry
    from airnub_cli.dev.postgresql import choose
    from airnub_cli.dev.services import DEPLOYER, SERVER, SITE, Services
    from airnub_cli.dev.state import StateFolder, free_port, held, listening
    from airnub_cli.dev.supervisor import SELF, Output, Supervisor

    try:
        root = Workspace.around(Path.cwd()).root
        state = StateFolder((folder or root / "data" / "dev").absolute())
        with held(state), listening(port, PORT, "--port") as server:
            site = free_port(site_port, SITE_PORT, "--site-port") if sample else None
            require_importable(one.id for one in load_registry(root).departments if one.status == "active")
            cluster, database = (None, "database: SQLite") if sqlite else choose(state.home, state.temporary)
            plan = Services(root, state, server.getsockname()[1], drain_seconds, site, cluster)
            replaced = load_environment(root, plan.environment).replaced_sources()
            view = Output()
            for name in (SELF, SERVER, *([SITE] if sample else []), DEPLOYER, *pool_files(root)):
                view.add(name)
            if port is None and plan.port != PORT:
                view.say(f"port {PORT} is taken, so the server is on {plan.port}")
            view.say(f"starting: server and UI on {plan.url}; state in {state.folder}")
            view.say(f"{database}; logs of server and database in {state.home / 'logs'}")
            view.say(said_of_sources(plan.environment, replaced))
            try:
                status = asyncio.run(Supervisor(plan, view).run(server))
            finally:
                if cluster is not None:  # below /tmp where the state folder's path is too long for a socket
                    shutil.rmtree(cluster.socket, ignore_errors=True)
    except (WorkspaceError, ConfigurationError) as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(INVALID)
    sys.exit(status)
