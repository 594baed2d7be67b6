"""Exit codes of all commands: `MEANINGS`; when a department's command ends with 1: `FAILURES`.

`airnub_cli.commands` has the same for each command of `airnub`; docs/reference.md is generated from all three. An error
that is not expected is printed with its traceback, and the exit code is 1.
"""

import os
import sys
from collections.abc import Callable
from typing import NoReturn

import click

from airnub_prefect.dotenv_file import require_readable
from airnub_prefect.errors import ArgumentError, ConfigurationError, ServerUnreachableError

COMPLETED = 0
FAILED = 1
INVALID = 2
"""Click uses the same for invalid arguments."""
INTERRUPTED = 130
"""As in shells: 128 and the number of SIGINT."""

MEANINGS = {
    COMPLETED: "success: no more items failed than `tolerated_failures`, 0 by default; also if there was nothing to do",
    FAILED: "failure, or something wrong was found; see below",
    INVALID: "invalid command, arguments or configuration; nothing was changed, or `run` ran only other stages",
    INTERRUPTED: "a department's command was interrupted by Ctrl-C or SIGTERM; stored items are safe",
}
FAILURES = {
    "every command": "the store, a dataset or the Prefect server cannot be read or written",
    "demo, run": "more items or datasets failed than the settings tolerate",
    "housekeeping": "something could not be cleaned up",
    "store ls, show, log, forget": "the store does not have what was named",
    "store forget": "a run has fetched the URL again in the meantime",
    "store ls, verify, reindex": "an object or a manifest is damaged",
}
"""When a department's command ends with `FAILED`."""


def exit_with(work: Callable[[], int]) -> NoReturn:
    """Run a command, print its error if it raises one, and exit with its code."""
    # No telemetry; otherwise Prefect prints a notice about it into the progress of the first command.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        require_readable()
        code = work()
    except ArgumentError as error:
        click.secho(str(error), err=True, fg="red")
        code = INVALID
    except ConfigurationError as error:
        count = len(error.mistakes)
        click.secho(
            f"{error}\n{count} mistake{'s' * (count > 1)} in the configuration; nothing was run.", err=True, fg="red"
        )
        code = INVALID
    except ServerUnreachableError as error:
        click.secho(str(error), err=True, fg="red")
        code = FAILED
    except KeyboardInterrupt:
        click.echo("Interrupted. Stored items are safe; run it again for the rest.", err=True)
        code = INTERRUPTED
    except Exception as error:
        # Imported here, since slow imports come after the start of the embedded server.
        from airnub_core import IngestError

        if not isinstance(error, IngestError):
            raise
        click.secho(str(error), err=True, fg="red")
        code = FAILED
    sys.exit(code)
