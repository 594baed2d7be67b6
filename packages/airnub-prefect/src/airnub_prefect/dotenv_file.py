"""Validation of `.env`, reported once and before Prefect is imported.

Prefect reads the file of the current folder for each of its settings, and warns of an invalid line each time, some
hundred times per command. The setting on such a line, for example the server's URL, is then missing.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.paths import shown

NAME = ".env"


def require_readable(folders: Iterable[Path] = (Path(),)) -> None:
    """Validate the `.env` files of folders; a folder without one costs nothing.

    Raises:
        ConfigurationError: a file has invalid lines; all of them are reported.
    """
    mistakes = [mistake for folder in folders for mistake in wrong_lines(folder / NAME)]
    if mistakes:
        raise ConfigurationError(list(dict.fromkeys(mistakes)))


def wrong_lines(path: Path) -> Iterator[Diagnostic]:
    """A diagnostic for each invalid line of a file; the line itself is not shown, since it may hold a secret."""
    try:
        stream = path.open(encoding="utf-8")
    except FileNotFoundError:
        return
    except OSError as error:
        yield Diagnostic(shown(path), None, f"expected a readable file, found: {error.strerror}; run `chmod 600 .env`")
        return
    # Imported here, since most folders have no such file.
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
        return "NAME=value, found an unclosed quote, or text after the closing quote"
    return "NAME=value, found something else; a comment begins with #"
