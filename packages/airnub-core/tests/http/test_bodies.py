"""Bodies that are not what the headers say: nothing of them is stored."""

import pytest
from misbehaviours import compressed, content

from airnub_core import FileSource, Kind
from airnub_core.errors import (
    ConnectionFailedError,
    ContentEncodingError,
    ProtocolError,
    TooLargeError,
    TransferTimeoutError,
    TruncatedBodyError,
)

MIB = 1024 * 1024


# --- length


@pytest.mark.parametrize("sent", [0, 17, 48218])
def test_a_body_that_ends_early(server, fails, sent):
    """The error says how much was promised and how much came; it may heal."""
    url = server.url("short", size=48219, sent=sent)
    error = fails(url, TruncatedBodyError)
    assert (error, error.transient) == (TruncatedBodyError(url, 48219, sent), True)


def test_a_chunked_body_that_ends_early(server, fails):
    """Nobody said how long it would be."""
    url = server.url("short_chunked", sent=5)
    assert fails(url, TruncatedBodyError) == TruncatedBodyError(url, None, 5)


def test_a_connection_that_is_reset_in_the_body(server, fails):
    """It is a body that ended early, or a connection that broke; either may heal."""
    assert fails(server.url("reset_in_body"), TruncatedBodyError, ConnectionFailedError).transient


def test_a_body_that_is_longer_than_it_says(server, fetch):
    """What was promised is the file, or the item fails: the rest is never part of it."""
    outcome, body = fetch(server.url("long"))
    assert body == b"hello" or outcome.kind is Kind.FAILED


def test_the_rest_of_a_body_is_no_answer(server, run, network, files):
    """Bytes behind the end that look like the next answer are not taken for the next file."""
    one_by_one = network.model_copy(update={"connections": 1, "connections_per_host": 1, "attempts": 2})
    urls = [server.url("smuggled"), *(server.url("told", text=f"true-{number}") for number in range(3))]
    run(FileSource(name="s", urls=urls), network=one_by_one)
    assert b"evil" not in files().values()
    assert {b"true-0", b"true-1", b"true-2"} <= set(files().values())


@pytest.mark.parametrize(("first", "second"), [(5, 10), (10, 5), (3, 5)])
def test_two_lengths_that_differ(server, fails, first, second):
    """Whichever is meant, it is no HTTP (RFC 9112, 6.3)."""
    fails(server.url("lengths", first=first, second=second), ProtocolError)


def test_two_lengths_that_agree(server, fetch):
    """It may be taken or refused (RFC 9110, 8.6); never is anything but the body stored."""
    outcome, body = fetch(server.url("lengths", first=5, second=5))
    assert body == b"hello" or outcome.kind is Kind.FAILED


def test_chunks_count_for_more_than_a_length(server, fetch):
    """A chunked answer with a Content-Length besides (RFC 9112, 6.3): never is anything but the chunks stored."""
    outcome, body = fetch(server.url("both_lengths"))
    assert body == b"hello" or outcome.kind is Kind.FAILED


@pytest.mark.parametrize(
    "name",
    [
        "length-of-letters",
        "negative-length",
        "signed-length",
        "hexadecimal-length",
        "length-without-end",
        "two-lengths-in-one",
    ],
)
def test_a_length_that_is_none(server, fails, name):
    """It breaks HTTP's rules; or, of 5,000 digits, every limit."""
    fails(server.url("raw", name=name), ProtocolError, *([TooLargeError] if name == "length-without-end" else []))


@pytest.mark.parametrize(
    "name",
    [
        "chunk-of-letters",
        "chunk-without-size",
        "chunk-longer-than-said",
        "chunk-of-negative-size",
        "chunk-size-too-large",
    ],
)
def test_bad_chunking(server, fails, name):
    """It breaks HTTP's rules, which is another thing than an early end."""
    fails(server.url("raw", name=name), ProtocolError)


def test_a_transfer_encoding_that_nobody_knows(server, fails):
    """Nobody can say where the body ends."""
    fails(server.url("raw", name="unknown-transfer-encoding"), ProtocolError)


def test_the_end_of_the_connection_ends_a_body_without_length(server, stored):
    """As HTTP/1.0 has it."""
    assert stored(server.url("until_close", size=1000)) == content(1000)


@pytest.mark.parametrize("name", ["endless_trailers", "endless_chunk_extension"])
def test_what_surrounds_the_chunks_has_an_end_too(server, fails, name):
    """A body that is whole but for trailers that never end, and a chunk whose first line never ends."""
    fails(server.url(name), ProtocolError, TooLargeError, TransferTimeoutError, stall_timeout=0.3)


# --- size


def test_a_file_of_the_largest_size(server, stored):
    """The limit itself is allowed."""
    assert stored(server.url("whole", size=1000), max_bytes=1000) == content(1000)


@pytest.mark.parametrize("size", [1001, 10**15, 2**63, 10**19])
def test_a_length_above_the_limit(server, fails, size):
    """Not a byte of the body is waited for; lengths that no machine can count are above every limit too."""
    url = server.url("promise", size=size)
    kinds = (TooLargeError,) if size < 2**63 else (TooLargeError, ProtocolError)
    fails(url, *kinds, max_bytes=1000, stall_timeout=20)


@pytest.mark.parametrize("name", ["endless", "endless_chunked"])
def test_a_body_without_end(server, fails, name):
    """With no length to read, bytes are counted."""
    url = server.url(name)
    assert fails(url, TooLargeError, max_bytes=MIB) == TooLargeError(url, MIB)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "br, zstd"])
def test_a_compressed_bomb(server, fails, encoding):
    """What counts is what it decodes to."""
    url = server.url("bomb", encoding=encoding, size=32 * MIB)
    assert fails(url, TooLargeError, max_bytes=MIB) == TooLargeError(url, MIB)


def test_what_it_decodes_to_may_be_of_the_largest_size(server, stored):
    """The limit itself is allowed here too."""
    assert stored(server.url("bomb", encoding="gzip", size=MIB), max_bytes=MIB) == bytes(MIB)


# --- encoding


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "br", "zstd", "deflate, gzip"])
def test_an_encoded_body_is_decoded(server, stored, encoding):
    """Identity was asked for; what comes all the same is decoded."""
    encoding = encoding.replace(", ", ",")
    assert stored(server.url("encoded", encoding=encoding, size=300_000)) == content(300_000)
    assert server.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_an_encoded_body_without_its_end(server, fails, encoding):
    """All promised bytes came, and they do not end where the encoding does."""
    url = server.url("encoded", encoding=encoding, size=1000, sent=900)
    error = fails(url, ContentEncodingError)
    assert (error, error.transient) == (ContentEncodingError(url, encoding), False)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "secret-sauce", "gzip,gzip,gzip"])
def test_a_body_that_is_not_of_its_encoding(server, fails, encoding):
    """Nor of one that is known."""
    url = server.url("misnamed", encoding=encoding)
    assert fails(url, ContentEncodingError) == ContentEncodingError(url, encoding)


def test_a_gz_file_stays_as_sent(server, stored):
    """Servers name the compression of a .gz file as its encoding; the file is meant."""
    server.behaviours["data.csv.gz"] = server.behaviours["encoded"]
    packed = compressed("gzip", content(1000))
    assert stored(server.url("data.csv.gz", encoding="gzip", size=1000)) == packed
