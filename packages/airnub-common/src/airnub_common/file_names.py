"""Safe file names: convert untrusted names to names that every file system accepts and that stay in their folder."""

import re
import unicodedata

MAX_NAME_BYTES = 200
"""Maximum length of a name in bytes of UTF-8: leaves room for a manifest's suffixes below the 255 bytes that file
systems allow."""

_MAX_EXTENSION_BYTES = 20
# Control, format, surrogate, private-use, unassigned, and line and paragraph separators.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_FORBIDDEN = re.compile(r'[<>:"|?*]')
# Reserved by Windows, with or without an extension:
# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
# Names that need no change, nearly all: this match avoids the slow path, which would run for every file.
_PLAIN = re.compile(
    r"(?!(?:[Cc][Oo][Nn]|[Pp][Rr][Nn]|[Aa][Uu][Xx]|[Nn][Uu][Ll]|[Cc][Oo][Mm][0-9]|[Ll][Pp][Tt][0-9])(?:\.|\Z))"
    rf"[A-Za-z0-9_-](?:[A-Za-z0-9_.-]{{0,{MAX_NAME_BYTES - 2}}}[A-Za-z0-9_-])?"
)


def safe_file_name(name: str, *, default: str = "file") -> str:
    r"""Return a safe file name for an untrusted one, such as one from a server.

    Letters of all scripts, digits, inner spaces and the extension are kept. Folders (`/` and `\`), control and
    invisible characters (including text-direction overrides), and characters that Windows forbids are removed or
    replaced.

    Returns:
        A name of 1 to `MAX_NAME_BYTES` bytes in UTF-8; `default` if nothing of the original is left. A safe name is
        returned unchanged.
    """
    return name if _PLAIN.fullmatch(name) else _made_safe(name, default)


def is_reserved_name(name: str) -> bool:
    """Return whether Windows reserves a file name for a device, with any extension: `con`, `NUL.txt`, `com1`."""
    return _RESERVED.fullmatch(name.partition(".")[0].rstrip()) is not None


def _made_safe(name: str, default: str) -> str:
    last = re.split(r"[/\\]", name)[-1]
    visible = "".join(map(_visible, unicodedata.normalize("NFC", last)))
    # Normalized again: a removed character may have separated a letter from its accent.
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
