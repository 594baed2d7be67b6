"""Content-Encoding: the bytes that a server means, in pieces so small that a bomb is met before it fills the memory.

httpx decodes a whole chunk at once (64 KiB of Brotli or Zstandard can mean gigabytes), takes the first member of a gzip
stream for all of it, and does not notice a gzip or Brotli stream that ends early.
"""

import zlib
from collections.abc import Iterator
from typing import Any, Protocol

MAX_ENCODINGS = 2
"""On top of each other; no server has a reason to send more."""
PIECE = 1024 * 1024
"""About the largest piece that comes out, in bytes."""

# What so much input can become at most stays near PIECE: deflate expands 1,032 times, and Zstandard's smallest block
# of 4 bytes to 128 KiB. Brotli limits its output itself.
_DEFLATE_STEP, _ZSTD_STEP = 1024, 64
_GZIP_FILES = (".gz", ".tgz")
_GZIP_MAGIC = b"\x1f\x8b"


class DecodingError(Exception):
    """The bytes are not of their encoding, or end too early."""


class Decoder(Protocol):
    """Turns chunks into pieces."""

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """What a chunk means.

        Raises:
            DecodingError: nothing.
        """
        ...

    def end(self) -> None:
        """Say that there are no more chunks.

        Raises:
            DecodingError: there should be.
        """
        ...


def decoder_of(content_encoding: str, path: str = "") -> Decoder | None:
    """The decoder for a header's value; `None` where the bytes are what they are.

    A file that is itself compressed with gzip, by the end of the URL's `path`, is meant as it is, also where a server
    takes that for its encoding.

    Raises:
        DecodingError: an encoding is unknown, or there are too many.
    """
    named = [token.strip().lower() for token in content_encoding.split(",")]
    encodings = [token for token in named if token not in {"", "identity"}]
    if encodings in (["gzip"], ["x-gzip"]) and path.lower().endswith(_GZIP_FILES):
        return None
    if len(encodings) > MAX_ENCODINGS or not set(encodings) <= _DECODERS.keys():
        raise DecodingError
    # They are listed in the order in which they were applied (RFC 9110, 8.4).
    decoders = [_DECODERS[encoding]() for encoding in reversed(encodings)]
    if len(decoders) == MAX_ENCODINGS:
        return _Chain(*decoders)
    return decoders[0] if decoders else None


class _Chain:
    def __init__(self, outer: Decoder, inner: Decoder) -> None:
        self._outer, self._inner = outer, inner

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        for piece in self._outer.decode(chunk):
            yield from self._inner.decode(piece)

    def end(self) -> None:
        self._outer.end()
        self._inner.end()


class _Gzip:
    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(wbits=31)
        self._began = False

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        for step in _steps(chunk, _DEFLATE_STEP):
            # A gzip file is a series of members (RFC 1952, 2.2); anything else behind them is padding.
            if self._inflater.unused_data and not _GZIP_MAGIC.startswith(self._inflater.unused_data[:2]):
                return
            self._began = True
            yield _inflated(self._inflater, step)
            while (rest := self._inflater.unused_data).startswith(_GZIP_MAGIC):
                self._inflater = zlib.decompressobj(wbits=31)
                yield _inflated(self._inflater, rest)

    def end(self) -> None:
        if self._began and not self._inflater.eof:
            raise DecodingError


class _Deflate:
    """zlib's format as the standard has it, or the bare one that some servers send in its place."""

    def __init__(self) -> None:
        self._start = b""
        self._inflater: Any = None

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        if self._inflater is None:
            self._start, chunk = b"", self._start + chunk
            if len(chunk) < 2:
                self._start = chunk
                return
            is_zlib = chunk[0] & 0x0F == 8 and int.from_bytes(chunk[:2], "big") % 31 == 0  # RFC 1950, 2.2
            self._inflater = zlib.decompressobj(wbits=15 if is_zlib else -15)
        for step in _steps(chunk, _DEFLATE_STEP):
            if self._inflater.eof:
                return
            yield _inflated(self._inflater, step)

    def end(self) -> None:
        if self._start or (self._inflater is not None and not self._inflater.eof):
            raise DecodingError


# Brotli and Zstandard are imported where they come: identity is asked for, so that is seldom.


class _Brotli:
    def __init__(self) -> None:
        import brotli  # type: ignore[import-untyped]  # it brings no types

        self._error = brotli.error
        self._decompressor = brotli.Decompressor()
        self._began = False

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        self._began = self._began or bool(chunk)
        try:
            piece = self._decompressor.process(chunk, output_buffer_limit=PIECE)
            while piece:
                yield piece
                piece = self._decompressor.process(b"", output_buffer_limit=PIECE)
        except self._error as error:
            raise DecodingError from error

    def end(self) -> None:
        if self._began and not self._decompressor.is_finished():
            raise DecodingError


class _Zstandard:
    def __init__(self) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._new = zstandard.ZstdDecompressor
        self._decompressor = self._new().decompressobj()
        self._began = False

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        try:
            for step in _steps(chunk, _ZSTD_STEP):
                self._began = True
                rest = step
                while rest:
                    if self._decompressor.eof:
                        self._decompressor = self._new().decompressobj()
                    yield self._decompressor.decompress(rest)
                    rest = self._decompressor.unused_data if self._decompressor.eof else b""
        except self._error as error:
            raise DecodingError from error

    def end(self) -> None:
        if self._began and not self._decompressor.eof:
            raise DecodingError


_DECODERS: dict[str, type[_Gzip | _Deflate | _Brotli | _Zstandard]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstandard,
}


def _steps(chunk: bytes, size: int) -> Iterator[bytes]:
    return (chunk[start : start + size] for start in range(0, len(chunk), size))


def _inflated(inflater: Any, step: bytes) -> bytes:
    try:
        return bytes(inflater.decompress(step))
    except zlib.error as error:
        raise DecodingError from error
