"""Running what is timed."""

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
    """One run; everything in seconds."""

    job: float
    """What is compared: inside the process for libraries and for us, else the same as `process`."""
    process: float
    """From the start of the first process to the end of the last."""
    cpu: float
    """Of all processes, in user and system mode; the server's not."""
    said: dict[str, object]
    """What a library's program printed."""

    def as_json(self) -> dict[str, object]:
        """For the file of results."""
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
    """Run commands one after the other, and time them.

    Args:
        commands: without their environment, which is ours without proxies.
        certificate: what they are to trust.
        is_library: the last one prints its own seconds as JSON.
        watch: called with the id of each process as soon as it runs; must return at once.

    Raises:
        FailedRunError: with the end of what it said.
    """
    environment = {name: value for name, value in os.environ.items() if not name.endswith(_NOT_PASSED_ON)}
    # What is installed has its bytecode: a run that compiles its modules anew measures the compiler.
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
                raise FailedRunError(f"{' '.join(command)}: ended with status {process.returncode}; it said: {said}")
        seconds, cpu = time.perf_counter() - started, _cpu() - before
        out.seek(0)
        said = json.loads(out.read().splitlines()[-1]) if is_library else {}
    return Timing(float(said.get("seconds", seconds)), seconds, cpu, said)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
