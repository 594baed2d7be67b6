"""Digests."""

import hashlib

import pytest

from airnub_common import digest_of, hex_of, sha256_hex

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


def test_known_answer():
    """The digest of `abc` equals the test vector of the standard."""
    assert sha256_hex(b"abc") == ABC
    assert digest_of(b"abc") == f"sha256:{ABC}"


def test_file_and_bytes_agree(tmp_path):
    """A file that is larger than one read has the digest of its bytes."""
    content = b"0123456789abcdef" * 100_000
    path = tmp_path / "large"
    path.write_bytes(content)
    assert digest_of(path) == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_hex_of_is_the_inverse():
    """`hex_of` parses the result of `digest_of`."""
    assert hex_of(digest_of(b"abc")) == ABC


@pytest.mark.parametrize("wrong", ["", ABC, f"md5:{ABC}", f"sha256:{ABC[:-1]}", f"sha256:{ABC.upper()}"])
def test_other_writings_are_refused(wrong):
    """A different algorithm, length or case is an error that contains the invalid value."""
    with pytest.raises(ValueError, match="expected a digest like") as error:
        hex_of(wrong)
    assert repr(wrong) in str(error.value)
