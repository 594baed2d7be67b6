"""`CommandError`: a wrong use of a command, printed as one line."""

import click


class CommandError(click.ClickException):
    """A command cannot do what was asked; the exit status is 2, and nothing was done."""

    exit_code = 2
