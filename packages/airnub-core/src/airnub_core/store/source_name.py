"""Source names: which names a source may have. Settings and the public `Item` keep to this rule.

Only what is written is checked: a store whose folders were named by an earlier rule is read, verified and reindexed as
before.
"""

import re
from functools import lru_cache

from airnub_common import is_reserved_name

PATTERN = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$"
"""For JSON schemas; `checked_source_name` is the whole rule."""

_PATTERN = re.compile(PATTERN)
_LONGEST_SHOWN = 60


@lru_cache(1024)  # the items of a source have one name
def checked_source_name(name: str) -> str:
    """The name, if a source may have it: it becomes a folder of the store, on every file system.

    Raises:
        ValueError: it is not one, with what was expected; `found` shows what was found.
    """
    # `$` of Python also matches in front of a last line end.
    if not _PATTERN.fullmatch(name) or name.endswith("\n"):
        raise ValueError(
            "expected the name of a source, 1 to 100 letters (a-z, A-Z), digits, `_`, `-` and `.`, the first one a "
            "letter, a digit or `_`"
        )
    if is_reserved_name(name):
        raise ValueError("expected the name of a source that Windows does not reserve for a device")
    return name


def found(name: object) -> str:
    """A refused name for a message, on one line."""
    shown = ascii(name)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
