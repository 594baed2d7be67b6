"""The view: lines of all parts in one place, each with the name of its part in front."""

import re
from collections.abc import Callable

import click

SELF = "dev"
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")
# What moves the cursor or clears the screen would spoil the view of the others; colours may stay.
_MOVES = re.compile(r"\x1b\[[0-9;?]*[A-LN-Za-ln-z]|\r")


def _echo(text: str) -> None:
    # Click leaves out the colours where stdout is no terminal.
    click.echo(text)


class Output:
    """Lines with names, aligned; a colour for each name."""

    def __init__(self, echo: Callable[[str], None] = _echo) -> None:
        """Make an empty one; `echo` is given each line."""
        self._echo = echo
        self._colours: dict[str, str] = {}
        self._width = 0

    def add(self, name: str) -> None:
        """Know a part before its first line, so that columns are where they will stay."""
        if name not in self._colours:
            # Our own lines are white: they are about the others.
            others = len(self._colours) - (SELF in self._colours)
            self._colours[name] = "bright_white" if name == SELF else _COLOURS[others % len(_COLOURS)]
            self._width = max(self._width, len(name))

    def line(self, name: str, text: str) -> None:
        """Show what a part said."""
        self.add(name)
        front = click.style(f"{name:<{self._width}} │", fg=self._colours[name])
        self._echo(f"{front} {_MOVES.sub('', text)}".rstrip())

    def say(self, text: str) -> None:
        """Show what `airnub dev` itself has to say, be it several lines."""
        for line in text.splitlines():
            self.line(SELF, line)

    def alarm(self, text: str) -> None:
        """The same, for what went wrong."""
        for line in text.splitlines():
            self.line(SELF, click.style(line, fg="red"))
