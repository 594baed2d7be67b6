"""YAML files."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airnub_prefect import yaml_file
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.yaml_file import read_yaml


def mistakes(path):
    """What is wrong with a file, without its path; whether it is found on the way or in the end."""
    try:
        found = read_yaml(path).mistakes
    except ConfigurationError as error:
        found = error.mistakes
    assert {one.where for one in found} <= {str(path)}
    return [(one.line, one.message) for one in found]


def test_values_and_their_lines(written):
    """Values are those of YAML, and every key and entry has its line."""
    file = read_yaml(written("# settings\na: 1\nb:\n  - x\n  - {y: 2020-01-02, z: null}\n'on': true\n"))
    assert file.value == {"a": 1, "b": ["x", {"y": date(2020, 1, 2), "z": None}], "on": True}
    assert file.mistakes == []
    lines = {(): 2, ("a",): 2, ("b",): 3, ("b", 0): 4, ("b", 1, "z"): 5, ("on",): 6}
    assert {place: file.line(place) for place in lines} == lines


def test_the_line_of_what_is_not_there(written):
    """It is that of the nearest thing around it."""
    file = read_yaml(written("a: 1\nb:\n  c: 1\n"))
    assert file.line(("b", "missing")) == 2
    assert file.line(("b", "an alternative of Pydantic's", "c")) == 3
    assert file.line(("missing",)) == 1


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file(written, text):
    """Its value is `None`, which the model validates."""
    assert read_yaml(written(text)).value is None


@pytest.mark.parametrize("text", ["\ufeffa: 1\n", "a: 1\r\n"])
def test_files_of_windows(written, text):
    """A byte order mark and its line ends are no part of what is said."""
    assert read_yaml(written(text)).value == {"a": 1}


def test_duplicate_keys(written):
    """Each names where the key stands already; the first one counts."""
    path = written("a: 1\nb: {c: 1, c: 2}\na: 2\na: 3\n")
    assert mistakes(path) == [
        (2, "duplicate key 'c': it is already on line 2"),
        (3, "duplicate key 'a': it is already on line 1"),
        (4, "duplicate key 'a': it is already on line 1"),
    ]
    assert read_yaml(path).value == {"a": 1, "b": {"c": 1}}


def test_keys_that_yaml_parses_as_other_types(written):
    """The error shows `on` and numbers as they were written, and says to quote them."""
    path = written("on: 1\n1: 2\n2020-01-01: 3\n~: 4\n1.5: 5\n[a]: 6\nfine: 7\n")
    assert mistakes(path) == [
        (1, "expected text as a key, found on, which YAML reads as true; put it in quotes"),
        (2, "expected text as a key, found 1, which YAML reads as a number; put it in quotes"),
        (3, "expected text as a key, found 2020-01-01, which YAML reads as a date; put it in quotes"),
        (4, "expected text as a key, found nothing; put it in quotes"),
        (5, "expected text as a key, found 1.5, which YAML reads as a number; put it in quotes"),
        (6, "expected text as a key, found a list or mapping"),
    ]
    assert read_yaml(path).value == {"fine": 7}


def test_anchors_and_merges(written):
    """A mapping's own keys win, of several merged ones the first; lines are those of what counts."""
    file = read_yaml(written("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  z: 3\n  <<: [*a, *b]\nd: *a\n"))
    assert file.value["c"] == {"x": 1, "y": 1, "z": 3}
    assert file.value["d"] == file.value["a"]
    assert (file.line(("c", "x")), file.line(("c", "z"))) == (1, 4)


def test_an_error_in_an_alias_is_reported_once(written):
    """However often the alias is used."""
    assert mistakes(written("a: &a {x: 1, x: 2}\nb: *a\nc: {<<: *a}\n")) == [
        (1, "duplicate key 'x': it is already on line 1")
    ]


@pytest.mark.parametrize("merged", ["5", "[{a: 1}, x]", "~"])
def test_merging_a_value_that_is_not_a_mapping(written, merged):
    """The error has its line."""
    assert mistakes(written(f"a: 1\n<<: {merged}\n")) == [
        (2, "expected a mapping to merge (`<<`), found a different value")
    ]


@pytest.mark.parametrize("text", ["a: 1\nb: &b [*b]\n", "a: 1\nb: &b {c: *b}\n", "a: 1\nb: &b {<<: *b}\n"])
def test_a_recursive_alias(written, text):
    """It is reported."""
    assert mistakes(written(text)) == [
        (2, "expected an alias of a different value, found one of a value that contains it")
    ]


def test_aliases_that_stand_for_billions(written, monkeypatch):
    """A few lines do not take all memory."""
    monkeypatch.setattr(yaml_file, "MAX_VALUES", 10_000)
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{at}: &a{at} [{','.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 12)]
    [(_, message)] = mistakes(written("\n".join(lines)))
    assert message == "expected at most 10,000 values, found more; aliases count each time"


def test_a_list_of_many_urls_is_no_bomb(written, monkeypatch):
    """What is written out may be as long as the limit."""
    monkeypatch.setattr(yaml_file, "MAX_VALUES", 12)
    assert len(read_yaml(written("[" + "x," * 11 + "]")).value) == 11
    assert mistakes(written("[" + "x," * 12 + "]"))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a:\n\tb: 1\n", 2, "broken YAML: a tab; YAML allows only spaces"),
        ("a: [1\nb: 2\n", 2, "broken YAML: while parsing a flow sequence expected ',' or ']', but got ':'"),
        ("a: 1\n---\nb: 2\n", 2, "broken YAML: expected a single document in the stream but found another document"),
        ("a: 1\nb: *c\n", 2, "broken YAML: found undefined alias 'c'"),
        ("a: 1\nb: \0\n", 2, "broken YAML: character U+0000: special characters are not allowed"),
        ("a: 1\nb: !mine x\n", 2, "expected no tag, found !mine"),
        (
            "a: 1\nb: !!python/name:os.system [x]\n",
            2,
            "expected no tag, found !!python/name:os.system",
        ),
        ("a: 1\nb: !!set {x}\n", 2, "expected no tag, found !!set"),
        ("a: 1\nb: 2020-99-99\n", 2, "expected a value, found '2020-99-99', not a valid !!timestamp; put it in quotes"),
        ("a: 1\nb: !!bool perhaps\n", 2, "expected a value, found 'perhaps', not a valid !!bool; put it in quotes"),
        ("a: 1\nb: !!timestamp soon\n", 2, "expected a value, found 'soon', not a valid !!timestamp; put it in quotes"),
        ("a: " + "[" * 1000, None, "broken YAML: it is nested too deeply"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_invalid_yaml(written, text, line, message):
    """The error is one line, with the line number."""
    assert mistakes(written(text)) == [(line, message)]


def test_files_that_cannot_be_read(tmp_path):
    """A file that is missing, a folder, and bytes that are no text say what they are."""
    assert mistakes(tmp_path / "gone.yaml") == [
        (None, "expected a YAML file in UTF-8, found: No such file or directory")
    ]
    assert mistakes(tmp_path) == [(None, "expected a YAML file in UTF-8, found: Is a directory")]
    (tmp_path / "a.yaml").write_bytes("\ufeffa: 1\nb: Zürich\n".encode() + b"c: Z\xfcrich\nd: 1\n")
    assert mistakes(tmp_path / "a.yaml") == [
        (3, "expected a YAML file in UTF-8, found byte 0xfc: invalid start byte; save it as UTF-8")
    ]


PIECES = [
    "a", "b", "key", "- ", "-", "- \n", ": ", ":", "k: ", "\n", "\n  ", "\n    ", " ", "{", "}", "[", "]", ", ", ",",
    "'", '"', "#", " #", "&x ", "*x", "!", "!!str ", "|", "|\n", ">-\n  ", "? ", "a? ", "?", "<<: ", "%", "---", "...",
    "~", "1", "2026-01-01", "true", "@", "\\", "\t", "ü", "{{ x }}", "http://x?y=1", "null", "[a, b]", "{a: b}",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_parsers_give_the_same_result(tmp_path, text):
    """Values, lines and errors of libyaml are those of PyYAML."""
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        found = _read(path)
        patch.setattr(yaml_file.yaml, "__with_libyaml__", False)
        assert repr(found) == repr(_read(path))  # a NaN is no other NaN


def _read(path):
    try:
        file = read_yaml(path)
    except ConfigurationError as error:
        return error.mistakes
    return file.value, file.lines, file.mistakes
