"""Content-Disposition."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_common import safe_file_name
from airnub_core.http.content_disposition import file_name_of


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (None, None),
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
