"""Content-Encoding: decode response bodies incrementally, so that a decompression bomb hits `max_bytes` early.

httpx decodes a whole chunk at once (64 KiB of Brotli or Zstandard can expand to gigabytes), stops after the first
member of a gzip stream, and does not detect a truncated gzip or Brotli stream.
"""

import zlib
from collections.abc import Iterator
from typing import Any, Protocol

MAX_ENCODINGS = 2
"""Most content encodings applied to one body; no server has a reason to apply more."""
PIECE = 1024 * 1024
"""Approximate size in bytes of the largest decoded chunk."""

# Input sizes in bytes whose largest possible output is near PIECE: deflate expands at most 1,032 times, and the
# smallest Zstandard block, of 4 bytes, to 128 KiB. Brotli limits its output itself.
_DEFLATE_STEP, _ZSTD_STEP = 1024, 64
_GZIP_FILES = (".gz", ".tgz")
_GZIP_MAGIC = b"\x1f\x8b"


class DecodingError(Exception):
    """The body does not match its Content-Encoding, is truncated, or has an unsupported encoding."""


class Decoder(Protocol):
    """Incremental decoder of a body."""

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the decoded bytes of a chunk, in pieces of about `PIECE` bytes at most.

        Raises:
            DecodingError: the chunk does not match the encoding.
        """

    def end(self) -> None:
        """Check that the stream is complete; called after the last chunk.

        Raises:
            DecodingError: the stream is truncated.
        """


def decoder_of(content_encoding: str, path: str = "") -> Decoder | None:
    """Return the decoder for the value of a Content-Encoding header; `None` if the body is not encoded.

    A file that is itself compressed with gzip (`.gz`, `.tgz`) is kept as sent, even if the server declares
    `Content-Encoding: gzip` for it.

    Args:
        content_encoding: the value of the header.
        path: the URL without its query; its suffix identifies gzip files.

    Raises:
        DecodingError: an encoding is not supported, or more than `MAX_ENCODINGS` are applied.
    """
    named = [token.strip().lower() for token in content_encoding.split(",")]
    encodings = [token for token in named if token not in {"", "identity"}]
    if encodings in (["gzip"], ["x-gzip"]) and path.lower().endswith(_GZIP_FILES):
        return None
    if len(encodings) > MAX_ENCODINGS or not set(encodings) <= _DECODERS.keys():
        raise DecodingError
    # The header lists encodings in the order in which they were applied (RFC 9110, 8.4).
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
            # A gzip file is a series of members (RFC 1952, 2.2); any other bytes after a member are padding.
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
    """The zlib format of the standard, or raw deflate, which some servers send instead."""

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


# Brotli and Zstandard are imported on first use: requests ask for identity, so encoded responses are rare.


class _Brotli:
    def __init__(self) -> None:
        import brotli  # type: ignore[import-untyped]  # the package has no type hints

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
