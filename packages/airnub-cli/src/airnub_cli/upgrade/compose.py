"""Docker Compose: its resolved configuration, its running containers, and its commands."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airnub_cli import subprocesses
from airnub_cli.subprocesses import ProgramError

_LABEL = "com.docker.compose."
RUN = "io.prefect.flow-run-name"
"""A label of containers of runs, with the name of the run."""
_ABOVE = "its output is above"


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a service."""

    id: str
    service: str
    image: str
    """The id of its image, `sha256:…`."""
    config: str
    """Digest of the settings that Compose created it from."""
    running: bool
    status: int
    """The last exit status; 0 if it never exited."""
    networks: frozenset[str]
    environment: Mapping[str, str]


class ComposeProject:
    """The commands of a checkout's docker-compose.yml."""

    def __init__(self, root: Path, project: str | None = None) -> None:
        """Take a project; by default the one that Compose finds (COMPOSE_PROJECT_NAME, else the name in the file)."""
        self._root = root
        self._command = ["docker", "compose", *(["--project-name", project] if project else [])]

    def configuration(self) -> dict[str, Any]:
        """The configuration of docker-compose.yml and `.env`, resolved by Compose.

        Raises:
            ProgramError: Compose rejects it.
        """
        found: dict[str, Any] = json.loads(self._read(*self._command, "config", "--format", "json"))
        return found

    def digests(self, configuration: Mapping[str, Any]) -> dict[str, str]:
        """The digests of the settings of each service, as containers have them in a label.

        Args:
            configuration: the result of `configuration`. Digests of the unresolved files differ for services with an
                `env_file`.
        """
        lines = self._read(
            *self._command, "--file", "-", "config", "--hash", "*", text=json.dumps(configuration)
        ).splitlines()
        return dict(line.split(maxsplit=1) for line in lines if line.strip())

    def containers(self, project: str) -> list[Container]:
        """The containers of all services, running or not, without those of `docker compose run`."""
        ids = self._read(
            "docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={_LABEL}project={project}",
            "--filter", f"label={_LABEL}oneoff=False",
        ).split()  # fmt: skip
        if not ids:
            return []
        return [
            _container(one)
            for one in json.loads(self._read("docker", "container", "inspect", *ids))
            # Containers of runs inherit the labels of their image, such as its Compose project.
            if "io.prefect.flow-run-id" not in one["Config"]["Labels"]
        ]

    def image(self, reference: str) -> dict[str, Any] | None:
        """Inspect an image; `None` if the engine has none of this name."""
        try:
            found = self._read("docker", "image", "inspect", reference)
        except ProgramError as error:
            if "no such image" in str(error).lower():
                return None
            raise
        image: dict[str, Any] = json.loads(found)[0]
        return image

    def runs(self, network: str) -> list[str]:
        """The original names of the runs in a network, from their containers; a flow may have renamed its run."""
        filters = ["--filter", f"network={network}", "--filter", f"label={RUN}"]
        return sorted(self._read("docker", "ps", "--format", f'{{{{.Label "{RUN}"}}}}', *filters).split())

    def do(self, *arguments: str) -> None:
        """Run a Compose command; its output goes to stderr.

        Raises:
            ProgramError: it failed.
        """
        self._do(arguments)

    def run(self, configuration: Mapping[str, Any], service: str, *command: str) -> None:
        """Run a command in a new container of a service, with the existing image.

        `docker compose run` builds a service whose `pull_policy` is `build`, and has no option against it.

        Args:
            configuration: the result of `configuration`.
            service: its name.
            command: the command to run.

        Raises:
            ProgramError: it failed.
        """
        services = configuration["services"]
        unbuilt = {key: value for key, value in services[service].items() if key != "build"} | {"pull_policy": "never"}
        given = json.dumps({**configuration, "services": {**services, service: unbuilt}})
        self._do(("--file", "-", "run", "--rm", "--no-deps", "-T", service, *command), given)

    def _do(self, arguments: Sequence[str], given: str = "") -> None:
        command = [*self._command, *arguments]
        process = subprocesses.start(command, self._root, stdin=subprocess.PIPE, stdout=sys.stderr)
        process.communicate(given.encode())
        subprocesses.require_success(command, process.returncode, _ABOVE)

    def do_once(self, project: str, service: str) -> None:
        """Run a one-shot service, and wait until it has exited.

        An attached `up` would end when the container of any run ends, since that inherits labels of its image.

        Raises:
            ProgramError: it failed; its output is on stderr.
        """
        self.do("up", "--detach", "--no-build", service)
        [container] = [one for one in self.containers(project) if one.service == service]
        status = int(self._read("docker", "wait", container.id))
        if status != 0:
            subprocesses.start(["docker", "logs", "--tail", "40", container.id], self._root, stdout=sys.stderr).wait()
            raise ProgramError(
                f"expected {service} to succeed, found exit status {status}; its last lines are above, and all of them "
                f"in `docker compose logs {service}`"
            )

    def _read(self, *command: str, text: str | None = None) -> str:
        return subprocesses.output(command, self._root, text=text)


def _container(found: Mapping[str, Any]) -> Container:
    labels = found["Config"]["Labels"]
    return Container(
        id=found["Id"],
        service=labels[f"{_LABEL}service"],
        image=found["Image"],
        config=labels[f"{_LABEL}config-hash"],
        running=found["State"]["Running"],
        status=found["State"]["ExitCode"],
        networks=frozenset(found["NetworkSettings"]["Networks"]),
        environment=_environment(found["Config"]["Env"]),
    )


def _environment(lines: Sequence[str] | None) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in lines or ())
