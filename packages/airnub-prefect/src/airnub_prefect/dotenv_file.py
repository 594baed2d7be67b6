"""Validation of `.env`, reported once and before Prefect is imported.

Prefect reads the file of the current folder for each of its settings, and warns of a line that it cannot read each
time: some hundred times a command. What such a line should have set is missing then, be it the server that was meant.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.paths import shown

NAME = ".env"


def require_readable(folders: Iterable[Path] = (Path(),)) -> None:
    """Look at `.env` in folders; where there is none, this costs nothing.

    Raises:
        ConfigurationError: with every line that nobody can read.
    """
    mistakes = [mistake for folder in folders for mistake in wrong_lines(folder / NAME)]
    if mistakes:
        raise ConfigurationError(list(dict.fromkeys(mistakes)))


def wrong_lines(path: Path) -> Iterator[Diagnostic]:
    """What is wrong with a file; a line is never shown, for it may hold a secret."""
    try:
        stream = path.open(encoding="utf-8")
    except FileNotFoundError:
        return
    except OSError as error:
        yield Diagnostic(
            shown(path), None, f"expected a file that can be read, found: {error.strerror}; chmod 600 .env"
        )
        return
    # Only now: most folders have none.
    from dotenv.parser import parse_stream

    with stream:
        try:
            bindings = list(parse_stream(stream))
        except UnicodeDecodeError as error:
            yield Diagnostic(shown(path), None, f"expected text in UTF-8, found: {error.reason}; save it as UTF-8")
            return
    for binding in bindings:
        if binding.error:
            text = binding.original.string
            line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            yield Diagnostic(shown(path), line, f"expected {_expected(text)}; see .env.example")


def _expected(text: str) -> str:
    _, is_value, value = text.partition("=")
    if is_value and value.lstrip()[:1] in {"'", '"'}:
        return "NAME=value, found a quote that is not closed, or more behind it"
    return "NAME=value, found something else; a comment begins with #"
