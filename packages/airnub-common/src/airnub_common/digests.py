"""Digests: SHA-256, formatted as `sha256:<64 lower-case hexadecimal digits>`."""

import hashlib
from pathlib import Path

ALGORITHM = "sha256"
_HEX_DIGITS = 64


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of(content: bytes | Path) -> str:
    """Return the digest of bytes, or of a file, which is read in pieces.

    Raises:
        OSError: the file cannot be read.
    """
    if isinstance(content, bytes):
        return f"{ALGORITHM}:{sha256_hex(content)}"
    with content.open("rb") as file:
        return f"{ALGORITHM}:{hashlib.file_digest(file, ALGORITHM).hexdigest()}"


def hex_of(digest: str) -> str:
    """Return the hexadecimal digits of a digest in the format of `digest_of`.

    Raises:
        ValueError: the algorithm is not SHA-256, or there are not 64 lower-case hexadecimal digits.
    """
    algorithm, _, digits = digest.partition(":")
    if algorithm != ALGORITHM or len(digits) != _HEX_DIGITS or not set(digits) <= set("0123456789abcdef"):
        raise ValueError(f"expected a digest like '{ALGORITHM}:<{_HEX_DIGITS} hexadecimal digits>', found {digest!r}")
    return digits
