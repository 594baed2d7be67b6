"""The deployer process of `airnub dev`: `python -m airnub_cli.dev.deployer ROOT FILE ENVIRONMENT`.

A line of JSON on stdin is an order, `{"always": true}`; a line of JSON on stdout is its result. Everything else goes to
stderr.

Each order is executed by a child that is forked from this process. This process has imported Prefect and all other
third-party packages, which takes most of the time of `airnub apply`, `airnub compile` and `prefect deploy`; the child
imports the present versions of our own packages. So a change is deployed in 2 s rather than 8.
"""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from contextlib import redirect_stdout, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KIND: Final = "process"
# Imported while the server starts; the first child reports the other modules. None of our own, which change and so are
# imported by each child.
_FIRST = ("prefect.main", "prefect.cli.deploy._commands", "prefect.workers.process", "prefect_docker.worker")


class DeployReply(TypedDict):
    """The result of an order."""

    status: int
    """Exit status: 0, or that of the command that failed."""
    deployed: int
    """Deployments that were sent; 0 when they were as before."""
    changed: int
    """Pools, Variables, blocks and automations that were sent."""


def main() -> None:
    """Import the slow modules, and execute orders until stdin ends."""
    root, file, environment = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    ours = {path.parent.name for path in root.glob("*/*/src/*/__init__.py")}
    _import(_FIRST)
    for line in sys.stdin:
        answer, imported = _forked(partial(deploy, root, file, environment, always=json.loads(line)["always"]))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        _import(name for name in imported if name.partition(".")[0] not in ours)


def deploy(root: Path, file: Path, environment: str, *, always: bool) -> DeployReply:
    """Apply, compile, and deploy if the compiled file changed.

    Args:
        root: of the repository.
        file: where the compiled deployments are kept.
        environment: its name.
        always: deploy even if the file is as before: the code of flows may have changed, and the schema of their
            parameters with it.
    """
    from airnub_cli.apply.desired_state import compare, compare_mark, counts, read_desired_state, send
    from airnub_cli.compile.compilation import compile_environment
    from airnub_cli.prefect_api import BackendError, prefect_server
    from airnub_cli.workspace import Workspace
    from airnub_common import write_atomic
    from airnub_prefect.errors import ConfigurationError

    answer: DeployReply = {"status": 0, "deployed": 0, "changed": 0}
    try:
        wanted = read_desired_state(root, environment, pool_type=KIND)
        text = compile_environment(Workspace.around(root), environment, kind=KIND)
        with prefect_server() as server:
            # The server belongs to this command, so its environment may change.
            changes = [compare_mark(server, environment), *compare(server, wanted)]
            send(changes, lambda change: _say(f"{change.kind} {change.name}: {change.action.value}"))
    except ConfigurationError as error:
        _say(str(error))
        return answer | {"status": 2}
    except BackendError as error:
        _say(str(error))
        return answer | {"status": 1}
    counted = counts(changes)
    answer["changed"] = counted["created"] + counted["updated"]
    if not always and file.is_file() and file.read_text(encoding="utf-8") == text:
        return answer
    # Renamed only after the deploy: otherwise a failed deploy would look done the next time.
    attempt = file.with_name(f"deploying-{file.name}")
    write_atomic(attempt, text)
    try:
        answer["status"] = _prefect("deploy", "--all", "--no-prompt", "--prefect-file", str(attempt))
        if answer["status"] == 0:
            attempt.replace(file)
            answer["deployed"] = text.count("\n- name: ")
    finally:
        attempt.unlink(missing_ok=True)
    return answer


def _prefect(*arguments: str) -> int:
    """Run a command of Prefect in this process, and print its output if it fails; return its exit status."""
    from prefect.cli import app

    sys.argv = ["prefect", *arguments]
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            app()
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    else:
        status = 0
    if status != 0:
        _say(said.getvalue())
    return status


def _forked(work: Callable[[], DeployReply]) -> tuple[DeployReply, list[str]]:
    """Run `work` in a forked child; return its result, and the names of the modules that the child imported."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            os.dup2(2, 1)  # stdout is for answers
            answer = work()
            with os.fdopen(writing, "w", encoding="utf-8") as answers:
                json.dump((answer, list(sys.modules)), answers)
        except BaseException:  # noqa: BLE001  # whatever it is, a child must not go on as its parent
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as answers:
        said = answers.read()
    os.waitpid(pid, 0)
    return json.loads(said) if said else ({"status": 1, "deployed": 0, "changed": 0}, [])


def _import(names: Iterable[str]) -> None:
    for name in names:
        if name not in sys.modules:
            with suppress(ImportError):  # a module that a different module created at run time
                import_module(name)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
