"""Run and time commands."""

import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NOT_PASSED_ON = ("_proxy", "_PROXY")


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of one run, in seconds."""

    job: float
    """The time that is compared: inside the process for libraries and for airnub, else the same as `process`."""
    process: float
    """From the start of the first process to the end of the last."""
    cpu: float
    """Processor time of all processes except the server, in user and system mode."""
    said: dict[str, object]
    """Values that a library's program printed."""

    def as_json(self) -> dict[str, object]:
        """As an entry of the results file."""
        return asdict(self)


class FailedRunError(Exception):
    """A program ended with an error."""


def run(
    commands: list[list[str]],
    certificate: Path | None = None,
    *,
    is_library: bool = False,
    watch: Callable[[int], None] = lambda _process: None,
) -> Timing:
    """Run commands one after another, and time them.

    Args:
        commands: run with this process's environment without proxy variables.
        certificate: a certificate that they trust.
        is_library: whether the last command prints its own seconds as JSON.
        watch: called with the id of each process when it starts; must return at once.

    Raises:
        FailedRunError: a command failed; the message has the end of its output.
    """
    environment = {name: value for name, value in os.environ.items() if not name.endswith(_NOT_PASSED_ON)}
    # Installed packages have bytecode; a run without it would measure Python's compiler.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if certificate is not None:
        environment["SSL_CERT_FILE"] = str(certificate)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        before, started = _cpu(), time.perf_counter()
        for command in commands:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=errors
            )
            watch(process.pid)
            if process.wait() != 0:
                errors.seek(0)
                said = errors.read().decode(errors="replace")[-2000:]
                raise FailedRunError(f"{' '.join(command)}: ended with status {process.returncode}; its output: {said}")
        seconds, cpu = time.perf_counter() - started, _cpu() - before
        out.seek(0)
        said = json.loads(out.read().splitlines()[-1]) if is_library else {}
    return Timing(float(said.get("seconds", seconds)), seconds, cpu, said)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
