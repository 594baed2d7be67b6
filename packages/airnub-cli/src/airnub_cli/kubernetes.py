"""`airnub kubernetes`: print the rendered manifests of `infra/kubernetes/` for `kubectl apply`.

Shared manifests are files with comments, in which only placeholders are resolved. `worker.yaml` is one file too, and is
rendered for each active department, so there are no copies that could drift.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from airnub_cli.configuration.dotenv import filled, known_values, missing
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.exit_codes import INVALID
from airnub_prefect.paths import shown

if TYPE_CHECKING:
    from airnub_cli.configuration.environment import EnvironmentFile
    from airnub_cli.images.image import ImageDigest

FOLDER = Path("infra", "kubernetes")
# The namespace comes first, since everything else is in it.
SHARED = ("namespace", "quota", "access", "network", "data")
SERVER = "server"
WORKER = "worker"


def manifests(
    workspace: Workspace,
    environment_name: str,
    values: Mapping[str, str],
    digest: "ImageDigest",
    *,
    server: bool = True,
) -> str:
    """All manifests of an environment.

    Args:
        workspace: the checkout.
        environment_name: of `configs/environments/`; its `kind` is kubernetes.
        values: the values for placeholders.
        digest: returns the digest of the image of server and workers, if the environment has a registry.
        server: include the Prefect server, which may also run elsewhere.

    Raises:
        ConfigurationError: the environment is of a different kind, or placeholders have no value; all with their lines.
    """
    from airnub_cli.configuration.environment import environment_file, load_environment

    environment = load_environment(workspace.root, environment_name)
    if environment.kind != "kubernetes":
        raise ConfigurationError.of(
            shown(environment_file(workspace.root, environment_name)),
            f"kind: expected kubernetes, found {environment.kind or 'none'}; workers in a cluster poll no other pools",
        )
    values = dict(values) | {"AIRNUB_IMAGE": _image(environment, digest)}
    wanted = [(name, values) for name in (*SHARED, *([SERVER] if server else []))]
    wanted += [(WORKER, values | {"AIRNUB_POOL": pool}) for pool in worker_pools(workspace.root, environment)]
    paths = {name: workspace.root / FOLDER / f"{name}.yaml" for name, _ in wanted}
    texts = {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
    mistakes = {mistake: None for name, known in wanted for mistake in _missing(paths[name], texts[name], known)}
    if mistakes:
        raise ConfigurationError(list(mistakes))
    return "---\n".join(str(filled(texts[name], known)) for name, known in wanted)


def worker_pools(root: Path, environment: "EnvironmentFile") -> list[str]:
    """The pools of the workers: one for each active department, with the name that the environment gives it."""
    from airnub_cli.configuration.registry import load_registry

    names = [one.id.replace("_", "-") for one in load_registry(root).departments if one.status == "active"]
    renamed = [over.name if (over := environment.pools.get(name)) and over.name else name for name in names]
    return list(dict.fromkeys(renamed))


def _image(environment: "EnvironmentFile", digest: "ImageDigest") -> str:
    from airnub_cli.images.build import LOCAL_REGISTRY, LOCAL_TAG
    from airnub_cli.images.image import KUBERNETES

    if environment.registry is None:
        return f"{LOCAL_REGISTRY}/{KUBERNETES}:{LOCAL_TAG}"
    return f"{environment.registry}/{KUBERNETES}:{digest(KUBERNETES)}"


def _missing(path: Path, text: str, values: Mapping[str, str]) -> Iterator[Diagnostic]:
    for number, line in enumerate(text.splitlines(), start=1):
        for _, name in missing(line, values):
            message = f"expected {name} in the environment or in .env, found nothing; or write ${{{name}:-default}}"
            yield Diagnostic(shown(path), number, message)


@click.command("kubernetes", epilog="Example: uv run airnub kubernetes --env production | kubectl apply -f -")
@click.option(
    "--env",
    "environment",
    required=True,
    metavar="NAME",
    help="Environment of configs/environments/, of kind kubernetes.",
)
@click.option("--no-server", is_flag=True, help="Omit the Prefect server, if it runs elsewhere or is Prefect Cloud.")
def kubernetes(environment: str, no_server: bool) -> None:
    """Print the Kubernetes manifests of an environment.

    They are made from infra/kubernetes/, with a worker for each active department. Secrets are not included. Nothing is
    sent to a cluster.
    """
    from airnub_cli.images.docker_engine import DockerBases
    from airnub_cli.images.image import ImageDigests

    # As in the names of images that `airnub images` builds.
    bases = DockerBases(registry=True)

    try:
        workspace = Workspace.around(Path.cwd())
        digests = ImageDigests(workspace, bases)
        text = manifests(workspace, environment, known_values(workspace.root), digests, server=not no_server)
    except (WorkspaceError, ConfigurationError) as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(INVALID)
    for doubt in bases.doubts:
        click.secho(doubt, fg="yellow", err=True)
    click.echo(text, nl=False)
