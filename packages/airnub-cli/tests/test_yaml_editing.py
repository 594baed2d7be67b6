"""Edits of YAML files."""

import re
from pathlib import Path

import pytest

from airnub_cli.yaml_editing import with_entry, with_key, without_entry, without_keys
from airnub_prefect.errors import ConfigurationError

FILE = Path("file.yaml")
LIST = """\
# Above.
items:
  - id: a
    text: |
      two
      lines
  # About b.
  - id: b  # beside
    more: [1, 2]

# Below.
other: 1
"""
ENTRY = "  - id: c\n    more: []\n"


def test_an_entry_is_appended():
    """Comments and empty lines are kept."""
    assert with_entry(FILE, LIST, "items", ENTRY) == LIST.replace("more: [1, 2]\n", f"more: [1, 2]\n{ENTRY}")


def test_an_entry_is_indented_like_the_others():
    """Also without an indentation."""
    assert with_entry(FILE, "items:\n- id: a\n", "items", ENTRY) == "items:\n- id: a\n- id: c\n  more: []\n"


def test_the_first_entry_of_an_empty_list():
    """Brackets are replaced by lines."""
    assert with_entry(FILE, "x: 1\nitems: []\n", "items", ENTRY) == f"x: 1\nitems:\n{ENTRY}"


@pytest.mark.parametrize("text", ["items: [{id: a}]\n", "items: 3\n", "x: 1\n", "- a\n", "items: [\n"])
def test_a_list_of_a_different_form_is_a_mistake(text):
    """The error names the file."""
    with pytest.raises(ConfigurationError, match=r"file\.yaml: expected"):
        with_entry(FILE, text, "items", ENTRY)


def test_an_entry_is_removed_with_the_comment_above_it():
    """Nothing else is removed."""
    assert without_entry(FILE, LIST, "items", "id", "b") == LIST.replace(
        "  # About b.\n  - id: b  # beside\n    more: [1, 2]\n", ""
    )
    assert without_entry(FILE, LIST, "items", "id", "nobody") == LIST


def test_adding_and_removing_restores_the_file():
    """Byte for byte."""
    assert without_entry(FILE, with_entry(FILE, LIST, "items", ENTRY), "items", "id", "c") == LIST


def test_without_the_last_entry_the_list_is_empty():
    """It is not null, so that the next entry can be added."""
    text = "# Of all.\nitems:\n  - id: a\n    more: 1\n"
    assert without_entry(FILE, text, "items", "id", "a") == "# Of all.\nitems: []\n"
    assert with_entry(FILE, "# Of all.\nitems: []\n", "items", "  - id: a\n    more: 1\n") == text


def test_removing_the_end_leaves_no_gap():
    """The file ends with its last line."""
    assert without_keys(FILE, "x: 1\n\na:\n  b: 1\n", ["a"], re.compile("b")) == "x: 1\n"


def test_keys_are_removed_and_an_emptied_mapping_too():
    """Patterns match whole keys."""
    text = "a:\n  b-x: 1\n  b-y:\n    z: 2\n  c: 3\nd:\n  b-x: 1\n"
    unwanted = re.compile("b(-.*)?")
    assert without_keys(FILE, text, ["a"], unwanted) == "a:\n  c: 3\nd:\n  b-x: 1\n"
    assert without_keys(FILE, text, ["d"], unwanted) == "a:\n  b-x: 1\n  b-y:\n    z: 2\n  c: 3\n"
    assert without_keys(FILE, text, ["e"], unwanted) == text


MAPPING = "a: 1\nmade:\n    x:\n        y: 1\n\n# Below.\nz: 2\n"
KEY = "  # About c.\n  c:\n    d: 1\n"


def test_a_key_is_appended():
    """Indented like the others; removing it restores the file."""
    made = with_key(FILE, MAPPING, "made", KEY)
    assert made == MAPPING.replace("y: 1\n", "y: 1\n    # About c.\n    c:\n      d: 1\n")
    assert without_keys(FILE, made, ["made"], re.compile("c")) == MAPPING


def test_the_first_key_creates_the_mapping():
    """At the end of the file; it is removed with the last key."""
    made = with_key(FILE, "a: 1\n", "made", KEY)
    assert made == f"a: 1\nmade:\n{KEY}"
    assert without_keys(FILE, made, ["made"], re.compile("c")) == "a: 1\n"


@pytest.mark.parametrize("text", ["made: {x: 1}\n", "made: [1]\n", "made: 3\n"])
def test_a_mapping_of_a_different_form_is_a_mistake(text):
    """The error names the file."""
    with pytest.raises(ConfigurationError, match=r"file\.yaml: expected made as a mapping"):
        with_key(FILE, text, "made", KEY)
