"""Headers."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_common import safe_file_name
from airnub_core.errors import RefusedHeaderError
from airnub_core.http.headers import file_name_of, is_visible, length_in, number_in, read_headers, sendable

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


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", None),
        ("inline", None),
        ("attachment", None),
        ('attachment; filename="report.csv"', "report.csv"),
        ("attachment; filename=report.csv", "report.csv"),
        ("attachment; FileName = report.csv ; size=1", "report.csv"),
        ("filename=report.csv", "report.csv"),
        ('attachment; filename="a \\"b\\" c.csv"', 'a "b" c.csv'),
        ('attachment; filename="a;b.csv"; size=1', "a;b.csv"),
        ("attachment; filename*=UTF-8''K%C3%B6ln.csv", "Köln.csv"),
        ("attachment; filename*=utf-8'de'K%C3%B6ln.csv; filename=koeln.csv", "Köln.csv"),
        ("attachment; filename=koeln.csv; filename*=utf-8''K%C3%B6ln.csv", "Köln.csv"),
        ("attachment; filename*=iso-8859-1''K%F6ln.csv", "Köln.csv"),
        ("attachment; filename*=\"UTF-8''x.csv\"", "x.csv"),
        ('attachment; filename="Köln.csv"', "Köln.csv"),
        ('attachment; filename="K\xc3\xb6ln.csv"', "Köln.csv"),
        ('attachment; name="; filename=evil.exe"; filename=good.csv', "good.csv"),
        ('attachment; filename=""', None),
        ("attachment; filename*=utf-8''", None),
        ("attachment; filename*=utf-8''%ff%fe; filename=plain.csv", "plain.csv"),
        ("attachment; filename*=no-such''x; filename=plain.csv", "plain.csv"),
        ("attachment; filename*=undefined''x; filename=plain.csv", "plain.csv"),
        ("attachment; filename*=unicode_escape''%5cud800; filename=plain.csv", "plain.csv"),
        ("attachment; filename*=hex''61; filename=plain.csv", "plain.csv"),
        ('attachment; filename="../../etc/passwd"', "../../etc/passwd"),
    ],
)
def test_forms_that_servers_send(header, name):
    """Quoted, bare, extended and raw UTF-8; the extended one wins, and one that cannot be read is passed over."""
    assert file_name_of(header) == name


@pytest.mark.parametrize(
    "header", ['attachment; filename="' + '\\"' * 50_000, ";" * 100_000, '"' * 100_001, "filename*=" * 10_000]
)
def test_a_header_of_100_kb_takes_no_time(header):
    """Unclosed quotes by the thousand are read once."""
    assert file_name_of(header) is None or len(file_name_of(header)) <= 8192


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_an_extended_name_arrives_as_it_was_sent(name):
    """Whatever name is encoded as RFC 5987 asks, it is read again."""
    assert file_name_of(f"attachment; filename*=UTF-8''{quote(name, safe='')}") == name


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), min_size=1))
def test_a_quoted_name_arrives_as_it_was_sent(name):
    """Quotes and backslashes are escaped on the way."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    assert file_name_of(f'attachment; filename="{escaped}"') == name


@given(st.text())
def test_any_header_gives_a_name_that_can_be_written_or_none(header):
    """Hostile bytes become a name that can be made safe, or nothing."""
    name = file_name_of(f"attachment; filename={header}")
    assert name is None or safe_file_name(name)


TOKENS = st.text("abcXYZ019!#$&+-.^_`|~", min_size=1)
# RFC 5987, 3.2.1: what needs no percent sign.
ATTR_CHAR = "!#$&+-.^_`|~"
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60)
LATIN = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), min_size=1, max_size=60)
PARAMETERS = st.sampled_from(
    ["size=1", 'name="a; filename=evil"', 'creation-date="Wed, 12 Feb 1997 16:29:51 -0500"', "x*=utf-8''filename%3D"]
)
SPACE = st.sampled_from(["", " ", "\t", "  "])


def quoted(name):
    """RFC 9110, 5.6.4."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def extended(name, charset="UTF-8", language=""):
    """RFC 5987, 3.2."""
    return f"{charset}'{language}'{quote(name.encode(charset), safe=ATTR_CHAR)}"


@given(
    name=NAMES,
    plain=TOKENS,
    parameters=st.lists(PARAMETERS, max_size=2),
    kind=st.sampled_from(["attachment", "inline", "ATTACHMENT"]),
    space=SPACE,
    language=st.sampled_from(["", "en", "de-DE"]),
    key=st.sampled_from(["filename*", "FileName*"]),
    first=st.booleans(),
)
def test_both_forms_together(name, plain, parameters, kind, space, language, key, first):
    """As RFC 6266 recommends: the extended one wins, in either order, among other parameters."""
    both = [f"{key}={extended(name, language=language)}", f"filename={quoted(plain)}"]
    header = f";{space}".join([kind, *parameters, *(both if first else reversed(both))])
    assert file_name_of(header) == name


@given(name=LATIN, parameters=st.lists(PARAMETERS, max_size=2), space=SPACE)
def test_an_extended_name_in_latin(name, parameters, space):
    """The other charset that every recipient knows."""
    assert file_name_of(f";{space}".join(["inline", *parameters, f"filename*={extended(name, 'ISO-8859-1')}"])) == name


@given(name=TOKENS, parameters=st.lists(PARAMETERS, max_size=2), space=SPACE)
def test_a_token_arrives_as_it_was_sent(name, parameters, space):
    """Among other parameters, with spaces about."""
    assert file_name_of(";".join(["attachment", f"{space}filename{space}={space}{name}{space}", *parameters])) == name


@given(name=NAMES.filter(lambda name: not name.isascii()))
def test_raw_utf_8_is_understood(name):
    """HTTP libraries hand it over as Latin-1."""
    assert file_name_of(f"attachment; filename={quoted(name)}".encode().decode("latin-1")) == name


@given(st.text() | st.text("filename*=;\"\\'% UTF-8attachment\0\n", max_size=200))
def test_no_header_is_an_error(header):
    """Whatever it holds; what is read of it can be made safe."""
    name = file_name_of(header)
    assert name is None or (name and safe_file_name(name))
