"""Headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.errors import RefusedHeaderError
from airnub_core.http.headers import is_visible, length_in, number_in, read_headers, sendable

URL = "http://h/"


def test_space_around_a_value_is_left_out():
    """A secret that was kept in a file has a line end."""
    assert sendable(URL, {"Authorization": " Bearer x\n", "x-empty": ""}) == {
        "Authorization": "Bearer x",
        "x-empty": "",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", "a\r\nb: c"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("x", "Köln"),
        ("x", "\x7f"),
        ("", "a"),
        ("a b", "c"),
        ("a:", "b"),
        ("a\r\nb", "c"),
        ("ä", "a"),
    ],
)
def test_what_cannot_be_sent_is_refused(name, value):
    """The error names the header, and never its value: it may be a secret."""
    with pytest.raises(RefusedHeaderError) as error:
        sendable(URL, {"fine": "fine", name: value})
    assert error.value == RefusedHeaderError(URL, name)


@given(st.text())
def test_what_is_visible_is_one_line_of_ascii(text):
    """Whatever else it says."""
    if is_visible(text):
        assert text.encode("ascii").decode() == text
        assert len(f"x{text}x".splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("9" * 5000, None),
        ("", None),
        ("-1", None),
        ("+1", None),
        (" 1", None),
        ("1\n", None),
        ("1_0", None),
        ("²", None),
        ("٣", None),
        ("1.0", None),
    ],
)
def test_numbers_are_digits_and_no_more_than_a_size_has(text, number):
    """Of ASCII: what Python takes for digits, and cannot always convert, is more."""
    assert number_in(text) == number
    assert length_in({"content-length": text}) == number


def test_an_answer_may_promise_nothing():
    """Chunked ones do not."""
    assert length_in({}) is None


def test_headers_are_read_by_their_names_in_lower_case():
    """Space around the value does not belong to it."""
    lines = [b"Content-Type:  text/csv \r\n", b'ETag:"a:b"\r\n', b"X-Empty:\r\n", b"\r\n"]
    assert read_headers(lines) == {"content-type": "text/csv", "etag": '"a:b"', "x-empty": ""}


def test_those_of_one_name_are_joined():
    """In their order, as the standard says (RFC 9110, 5.3)."""
    assert read_headers([b"Vary: a\r\n", b"X: 1\r\n", b"vary: b\r\n"]) == {"vary": "a, b", "x": "1"}


@pytest.mark.parametrize(("sent", "read"), [("ü".encode(), "ü"), ("ü".encode("latin-1"), "ü"), (b"\xff\xfe", "ÿþ")])
def test_a_value_in_utf_8_or_in_latin_1(sent, read):
    """Servers write either."""
    assert read_headers([b"x: " + sent + b"\r\n"]) == {"x": read}


@given(st.lists(st.binary()))
def test_no_line_is_an_error(lines):
    """Whatever a server writes, it is headers or nothing."""
    assert all(type(value) is str and name for name, value in read_headers(lines).items())
