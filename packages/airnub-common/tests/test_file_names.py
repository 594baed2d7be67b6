"""Safe file names."""

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_common import MAX_NAME_BYTES, safe_file_name


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
    """A hostile name keeps what is harmless in it; where nothing is left, the default takes its place."""
    assert safe_file_name(hostile) == safe


def test_decomposed_and_composed_names_are_one():
    """Two writings of the same letters give one name, as file systems disagree about them."""
    assert safe_file_name("Ko\u0308ln.csv") == safe_file_name("K\u00f6ln.csv")


def test_long_names_keep_their_extension():
    """300 bytes are cut in front of the extension, and never inside a letter."""
    short = safe_file_name("ü" * 150 + ".csv")
    assert short.endswith("ü.csv")
    assert len(short.encode()) <= MAX_NAME_BYTES


@given(st.text())
def test_every_text_becomes_a_safe_name(text):
    """Whatever comes in: one path component, short, visible, and safe again unchanged."""
    name = safe_file_name(text)
    assert 1 <= len(name.encode()) <= MAX_NAME_BYTES
    assert PurePosixPath(name).name == name == PureWindowsPath(name).name
    assert not name.startswith(".")
    assert name.isprintable()
    assert safe_file_name(name) == name
