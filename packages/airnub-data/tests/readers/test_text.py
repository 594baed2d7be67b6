import io

import pytest

from airnub_data.readers.text import Utf8, check_encoding


def read(content: bytes, encoding: str = "utf-8", size: int = 3) -> bytes:
    stream = Utf8(io.BytesIO(content), encoding)
    return b"".join(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(encoding: str) -> None:
    """A byte order mark takes precedence over the declared encoding and is removed; pieces may split characters."""
    assert read("aß€😀\n".encode(encoding), "windows-1252") == "aß€😀\n".encode()


@pytest.mark.parametrize(
    ("encoding", "text"), [("windows-1252", "ß€"), ("utf-16-le", "aß😀"), ("cp437", "é"), ("utf-8", "")]
)
def test_a_declared_encoding(encoding: str, text: str) -> None:
    """Pieces are decoded as one text."""
    assert read(text.encode(encoding), encoding, 1) == text.encode()


def test_what_cannot_be_decoded_is_replaced() -> None:
    """Undecodable bytes become U+FFFD, so that only their row is quarantined."""
    assert read(b"a\x81b", "windows-1252") == "a\ufffdb".encode()
    assert read("ab".encode("utf-16")[:-1]) == "a\ufffd".encode()


@pytest.mark.parametrize("encoding", ["klingon", "gzip"])
def test_an_unknown_encoding_is_an_error(encoding: str) -> None:
    """An unknown encoding is an error at the declaration of a reader."""
    with pytest.raises(ValueError, match=encoding):
        check_encoding(encoding)
