"""Safe file names: untrusted names become names that every file system accepts and that cannot leave their folder."""

import re
import unicodedata

MAX_NAME_BYTES = 200
"""Leaves room for a manifest's suffixes below the 255 bytes that file systems allow."""

_MAX_EXTENSION_BYTES = 20
# Control, format, surrogate, private, unassigned, and the separators of lines and paragraphs.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_FORBIDDEN = re.compile(r'[<>:"|?*]')
# Reserved by Windows, with or without an extension:
# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
# Names that need no change, which are nearly all: this one match skips the slow path, which would run for every file.
_PLAIN = re.compile(
    r"(?!(?:[Cc][Oo][Nn]|[Pp][Rr][Nn]|[Aa][Uu][Xx]|[Nn][Uu][Ll]|[Cc][Oo][Mm][0-9]|[Ll][Pp][Tt][0-9])(?:\.|\Z))"
    rf"[A-Za-z0-9_-](?:[A-Za-z0-9_.-]{{0,{MAX_NAME_BYTES - 2}}}[A-Za-z0-9_-])?"
)


def safe_file_name(name: str, *, default: str = "file") -> str:
    r"""A safe file name made from an untrusted one, such as a server's.

    Keeps what can be kept: letters of all scripts, digits, spaces inside, the extension. Removes folders (`/` and
    `\`), control and invisible characters (text-direction tricks among them), and what Windows forbids.

    Returns:
        A name of 1 to `MAX_NAME_BYTES` bytes in UTF-8; `default` where nothing is left of the original. A safe name
        is returned unchanged.
    """
    return name if _PLAIN.fullmatch(name) else _made_safe(name, default)


def is_reserved_name(name: str) -> bool:
    """Whether Windows reserves a file name for a device, whatever its extension: `con`, `NUL.txt`, `com1`."""
    return _RESERVED.fullmatch(name.partition(".")[0].rstrip()) is not None


def _made_safe(name: str, default: str) -> str:
    last = re.split(r"[/\\]", name)[-1]
    visible = "".join(map(_visible, unicodedata.normalize("NFC", last)))
    # Again: a character that was removed may have stood between a letter and its accent.
    cleaned = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", visible)).strip().rstrip(". ")
    if cleaned.startswith("."):
        cleaned = "_" + cleaned[1:] if cleaned.strip("._ ") else ""
    if not cleaned:
        return default
    if is_reserved_name(cleaned):
        cleaned = "_" + cleaned
    return _shortened(cleaned)


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    return "" if category in _INVISIBLE else character


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = dot + extension if stem and len(extension.encode()) < _MAX_EXTENSION_BYTES else ""
    room = MAX_NAME_BYTES - len(ending.encode())
    kept = (stem if ending else name).encode()[:room].decode(errors="ignore")
    return unicodedata.normalize("NFC", kept).rstrip(". ") + ending
