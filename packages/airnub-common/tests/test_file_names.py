"""Safe file names."""

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airnub_common import MAX_NAME_BYTES, is_reserved_name, safe_file_name
from airnub_common.file_names import _made_safe

# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
RESERVED = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789\u00b9\u00b2\u00b3"
}
PLAIN = st.text("abcCONcomLPT19_.-", max_size=210)
NEARLY_RESERVED = st.tuples(
    st.sampled_from(["", ".", " ", "../", "\0"]),
    st.sampled_from(sorted(RESERVED)).flatmap(lambda name: st.sampled_from([name, name.lower(), name.title()])),
    st.sampled_from(["", ".", ".txt", " .txt", "x", ".manifest.json", ". .", "\u200b"]),
).map("".join)
LONG = st.tuples(
    st.text(min_size=1, max_size=4).map(lambda text: text * 80), st.text("abc.\u00e9", max_size=25).map(".{}".format)
).map("".join)
HOSTILE = st.text() | st.text(" ./\\\0\n:*?<>|\u202e\u0301a\u00e9\u3000") | PLAIN | NEARLY_RESERVED | LONG


@pytest.mark.parametrize(
    ("hostile", "safe"),
    [
        ("weather.csv", "weather.csv"),
        ("Wetter für Köln.csv", "Wetter für Köln.csv"),
        ("気象.csv", "気象.csv"),
        ("../x", "x"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Windows\\system.ini", "system.ini"),
        ("a\0b.csv", "ab.csv"),
        ("a\r\nb\t.csv", "ab.csv"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("zero\u200bwidth.csv", "zerowidth.csv"),
        ('a<b>:"|?*.csv', "a_b______.csv"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("console.log", "console.log"),
        (".hidden", "_hidden"),
        ("name. . .", "name"),
        ("  name.csv  ", "name.csv"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        ("...", "file"),
        ("a/", "file"),
        ("\u202e", "file"),
    ],
)
def test_hostile_names(hostile, safe):
    """Harmless characters of a hostile name are kept; if none is left, the default is returned."""
    assert safe_file_name(hostile) == safe


def test_decomposed_and_composed_names_are_one():
    """NFC and NFD forms of a name result in the same name, since file systems treat them differently."""
    assert safe_file_name("Ko\u0308ln.csv") == safe_file_name("K\u00f6ln.csv")


def test_long_names_keep_their_extension():
    """300 bytes are cut before the extension, and never inside a character."""
    short = safe_file_name("ü" * 150 + ".csv")
    assert short.endswith("ü.csv")
    assert len(short.encode()) <= MAX_NAME_BYTES


@given(name=HOSTILE, default=st.sampled_from(["file", "index"]))
@example(name="a" * 197 + ".e\u0301\u0301", default="file")
@example(name="COM\u00b9.txt", default="file")
@example(name="A\x1f\u0300", default="file")
def test_every_text_becomes_a_safe_name(name, default):
    """Any text results in a short, visible path component that Windows does not reserve, and that stays unchanged."""
    safe = safe_file_name(name, default=default)
    assert 1 <= len(safe.encode()) <= MAX_NAME_BYTES
    assert PurePosixPath(safe).name == safe == PureWindowsPath(safe).name
    assert not safe.startswith((".", " "))
    assert not safe.endswith((".", " "))
    assert safe.isprintable()
    assert not set(safe) & set('<>:"/\\|?*')
    assert safe.partition(".")[0].rstrip().upper() not in RESERVED
    assert unicodedata.is_normalized("NFC", safe)
    assert safe_file_name(safe, default=default) == safe


@given(name=PLAIN | NEARLY_RESERVED)
@example(name="a\n")
@example(name="con\n")
@example(name="a" * MAX_NAME_BYTES)
@example(name="a" * (MAX_NAME_BYTES + 1))
def test_the_fast_way_says_what_the_slow_way_says(name):
    """The fast path for plain names returns the same as the slow path."""
    assert safe_file_name(name) == _made_safe(name, "file")


@given(st.from_regex(r"[A-Za-z0-9_-]([A-Za-z0-9_ .-]{0,60}[A-Za-z0-9_-])?", fullmatch=True))
def test_a_harmless_name_is_kept(name):
    """Harmless names are returned unchanged unless Windows reserves them."""
    kept = safe_file_name(name)
    assert kept in (name, "_" + name)
    assert (kept == name) == (name.partition(".")[0].rstrip().upper() not in RESERVED)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_names(name):
    """Reserved names are detected in any case and with any extension, but not as a prefix."""
    assert all(map(is_reserved_name, (name, name.lower(), f"{name}.txt", f"{name} .tar.gz", f"{name}.")))
    assert not any(map(is_reserved_name, (f"{name}x", f"x{name}", f"_{name}", f"x.{name}", "")))
