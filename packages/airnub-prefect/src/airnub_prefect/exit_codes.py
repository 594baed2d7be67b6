"""Exit codes of all commands: of `airnub`, and of the command of each department.

`airnub_cli.commands` has for each command of `airnub` when it ends with 1. docs/reference.md has the same tables,
generated from here.
"""

SUCCESS = 0
"""The command did what was asked."""

FAILURE = 1
"""The command ran, and failed or found something wrong."""

REJECTED = 2
"""The command, its arguments or the configuration are invalid; nothing was changed."""

INTERRUPTED = 130
"""Ctrl-C ended a department's command; the next run continues."""

MEANINGS = {
    SUCCESS: "success; also of a command that found nothing to do",
    FAILURE: "failure, or something wrong was found; see below",
    REJECTED: "the command, its arguments or the configuration are invalid; nothing was changed",
    INTERRUPTED: "a department's command was interrupted with Ctrl-C; the next run continues",
}

DEPARTMENT_FAILURES = {
    "every command": "the store, a dataset or the Prefect server cannot be read or written",
    "demo, run": "more items or datasets failed than the settings tolerate",
    "housekeeping": "something could not be cleaned up",
    "store ls, show, log, forget": "the store does not have what was named, or a manifest is damaged",
    "store verify, reindex": "an object or a manifest is damaged",
}
"""When a department's command ends with `FAILURE`."""
