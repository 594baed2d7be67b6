"""Content-Encoding."""

import gzip
import zlib
from functools import partial

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.http.encoding import PIECE, DecodingError, decoder_of

CONTENT = b"some text, some text, and some more of it\n" * 1000
MIB = 1024 * 1024


def bare_deflate(content):
    """Deflate without zlib's header, as some servers send it."""
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(content) + deflater.flush()


ENCODED = {
    "gzip": gzip.compress(CONTENT),
    "x-gzip": gzip.compress(CONTENT),
    "deflate": zlib.compress(CONTENT),
    "Deflate": bare_deflate(CONTENT),
    "br": brotli.compress(CONTENT),
    "zstd": zstandard.compress(CONTENT),
    "identity, gzip": gzip.compress(CONTENT),
    "gzip, br": brotli.compress(gzip.compress(CONTENT)),
}


def decoded(encoding, content, size=65536):
    """All that a body means, and the largest piece that came."""
    decoder = decoder_of(encoding)
    pieces = [piece for at in range(0, len(content), size) for piece in decoder.decode(content[at : at + size])]
    decoder.end()
    return b"".join(pieces)


@pytest.mark.parametrize("size", [1, 7, 65536])
@pytest.mark.parametrize("encoding", ENCODED)
def test_every_encoding_is_decoded(encoding, size):
    """However the bytes are cut into chunks."""
    assert decoded(encoding, ENCODED[encoding], size) == CONTENT


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_body_that_ends_early_is_an_error(encoding):
    """A stream without its end is not whole, whatever its length header says."""
    with pytest.raises(DecodingError):
        decoded(encoding, ENCODED[encoding][:-9])


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate", "gzip, br"])
def test_other_bytes_are_an_error(encoding):
    """A body that is not of its encoding."""
    with pytest.raises(DecodingError):
        decoded(encoding, b"<html>not what it says</html>" * 100)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
def test_an_empty_body_is_empty(encoding):
    """No bytes mean no bytes."""
    assert decoded(encoding, b"") == b""


@pytest.mark.parametrize("encoding", ["", "identity", " identity , "])
def test_nothing_is_decoded_where_nothing_was_encoded(encoding):
    """The bytes are what they are."""
    assert decoder_of(encoding) is None


@pytest.mark.parametrize("encoding", ["compress", "gzip, x", "gzip, gzip, gzip", "aes128gcm", "," * 9 + "gzip;q=1"])
def test_unknown_encodings_are_refused(encoding):
    """One that nobody can decode, or too many on top of each other."""
    with pytest.raises(DecodingError):
        decoder_of(encoding)


@pytest.mark.parametrize("size", [1, 10, 65536])
def test_all_members_of_a_gzip_stream_are_read(size):
    """Two gzip files in a row are one stream; padding behind them is none of it."""
    twice = gzip.compress(b"one ") + gzip.compress(b"two")
    assert decoded("gzip", twice, size) == b"one two"
    assert decoded("gzip", twice + b"\0" * 5000, size) == b"one two"


def test_all_frames_of_a_zstandard_stream_are_read():
    """Two frames in a row are one stream."""
    assert decoded("zstd", zstandard.compress(b"one ") + zstandard.compress(b"two")) == b"one two"


def test_what_stands_behind_a_deflate_stream_is_passed_over():
    """The stream says itself where it ends."""
    assert decoded("deflate", zlib.compress(b"one") + b"padding" * 1000) == b"one"


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", partial(gzip.compress, compresslevel=1)),
        ("deflate", partial(zlib.compress, level=1)),
        ("br", partial(brotli.compress, quality=1)),
        ("zstd", zstandard.compress),
    ],
)
def test_a_bomb_comes_in_small_pieces(encoding, compress):
    """The first chunk means 64 MiB; whoever counts can stop after the first piece of it."""
    decoder = decoder_of(encoding)
    sizes = [len(piece) for piece in decoder.decode(compress(bytes(64 * MIB)))]
    assert sum(sizes) == 64 * MIB
    assert max(sizes) <= 17 * PIECE


@given(content=st.binary(), size=st.integers(1, 100), encoding=st.sampled_from(["gzip", "deflate", "br", "zstd"]))
def test_any_bytes_survive(content, size, encoding):
    """What is encoded and decoded again is the same."""
    encode = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.compress}
    assert decoded(encoding, encode[encoding](content), size) == content
