"""Exit codes of the department command, and the errors that they stand for.

| exit code | meaning |
|---|---|
| 0 | completed; no more items failed than tolerated |
| 1 | failed: too many items failed, a store or the Prefect server failed, or an object is damaged or missing |
| 2 | invalid configuration or arguments: nothing was run, or only the other stages of a pipeline |
| 130 | interrupted by Ctrl-C or SIGTERM; stored items are safe |

Any other error of a flow is printed with its traceback, and the exit code is 1.
"""

import os
import sys
from collections.abc import Callable
from typing import NoReturn

import click

from airnub_prefect.dotenv_file import require_readable
from airnub_prefect.errors import ConfigurationError, ServerUnreachableError

COMPLETED = 0
FAILED = 1
INVALID = 2
"""Click uses the same for invalid arguments."""
INTERRUPTED = 130
"""As in shells: 128 and the number of SIGINT."""


def exit_with(work: Callable[[], int]) -> NoReturn:
    """Run a command, print its error if it raises one, and exit with its code."""
    # No telemetry; otherwise Prefect prints a notice about it into the progress of the first command.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        require_readable()
        code = work()
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
