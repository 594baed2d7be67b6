"""Validation."""

import traceback
from typing import Annotated, Literal

import pytest
from department_for_tests.settings import IngestionSettings
from pydantic import BaseModel, ConfigDict, Field

from airnub_core import LinkPages, NumberedPages
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.validation import load_yaml, nearest, nearest_or_all, validated


def mistakes(text, written, kind=IngestionSettings):
    """The mistakes of a file as `line: message`."""
    with pytest.raises(ConfigurationError) as error:
        load_yaml(kind, written(text))
    return [f"{one.line}: {one.message}" for one in error.value.mistakes]


def test_a_good_file(written):
    """It is read into the model."""
    settings = load_yaml(IngestionSettings, written("store: x\nfiles:\n  - {name: a, urls: ['http://a/']}\n"))
    assert settings.files[0].urls == ["http://a/"]


def test_an_unknown_key_hides_no_other_mistake(written):
    """Errors of model validators and duplicate names are reported beside it."""
    text = """\
store: x
netwrok: {}
files:
  - {name: a, urls: ['http://a/'], nmae: b}
  - {name: A, urls: ['http://a/']}
  - {name: c, extra: 1}
"""
    found_mistakes = mistakes(text, written)
    assert [line.partition(":")[0] for line in found_mistakes] == ["2", "4", "6", "6"]
    assert "found neither" in found_mistakes[3] or "found neither" in found_mistakes[2]


def test_all_mistakes_at_once_in_the_order_of_lines(written):
    """Whatever kind they are: duplicate and unknown keys, wrong types and values, missing keys."""
    text = """\
stroe: x
network:
  conections: 3
  attempts: many
  attempts: 4
files:
  - name: a b
    url: http://a/
  - urls: http://a/
index: sqlite
tolerated_failures: 7x%
"""
    assert mistakes(text, written) == [
        "1: missing key 'store'",
        "1: unknown key 'stroe'; did you mean 'store'?",
        "3: unknown key 'network.conections'; did you mean 'connections'?",
        "4: network.attempts: expected a valid integer, found 'many'",
        "5: duplicate key 'attempts': it is already on line 4",
        "7: files.0.name: expected the name of a source, 1 to 100 letters (a-z, A-Z), digits, `_`, `-` and `.`, the "
        "first one a letter, a digit or `_`, found 'a b'",
        "8: unknown key 'files.0.url'; did you mean 'urls'?",
        "9: missing key 'files.1.name'",
        "9: files.1.urls: expected a list, found 'http://a/'",
        "10: index: expected null, a URL like postgresql://host/database, or {block: secret/NAME}, found 'sqlite'",
        "11: tolerated_failures: expected a number, or a share such as '5%', found '7x%'",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "None: expected a mapping, found nothing"),
        ("- a\n", "1: expected a mapping, found a list"),
        ("text\n", "1: expected a mapping, found 'text'"),
    ],
)
def test_files_without_a_mapping(written, text, message):
    """An empty file, a list and a text are errors."""
    assert mistakes(text, written) == [message]


def test_a_file_whose_only_errors_are_duplicate_keys(written):
    """Valid values do not hide them."""
    assert mistakes("store: x\nstore: y\n", written) == ["2: duplicate key 'store': it is already on line 1"]


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (
            "{kind: cursor, nxt: a, limit: 3}",
            [
                "missing key 'apis.0.pages.next'",
                "unknown key 'apis.0.pages.nxt'; did you mean 'next'?",
                "unknown key 'apis.0.pages.limit'; valid are kind, max, next, optional, param",
            ],
        ),
        (
            "{kind: page, page: 2}",
            ["unknown key 'apis.0.pages.page'; valid are kind, max, param, size, size_param, start, total"],
        ),
        (
            "{kind: page, page: 2, size: x}",
            [
                "apis.0.pages.size: expected a valid integer, found 'x'",
                "unknown key 'apis.0.pages.page'; valid are kind, max, param, size, size_param, start, total",
            ],
        ),
        (
            "{kind: curser}",
            ["apis.0.pages.kind: expected page or offset or cursor or link, found 'curser'; did you mean 'cursor'?"],
        ),
        ("{next: a}", ["missing key 'apis.0.pages.kind'"]),
        ("link", ["apis.0.pages: expected a mapping, found 'link'"]),
        ("[link]", ["apis.0.pages: expected a mapping, found a list"]),
    ],
)
def test_a_tagged_union(written, pages, expected):
    """Valid keys are those of the selected member; names of Pydantic do not appear."""
    text = f"store: x\napis:\n  - name: a\n    url: http://a/\n    pages: {pages}\n"
    assert mistakes(text, written) == [f"5: {message}" for message in expected]


def test_a_union_is_one_error(written):
    """A value of none of several types is reported once, with all of them."""
    text = "store: x\ntolerated_failures: -1\napis:\n  - {name: a, url: 'http://a/', params: {str: [1]}}\n"
    assert mistakes(text, written) == [
        "2: tolerated_failures: expected greater than or equal to 0, found -1",
        "4: apis.0.params.str: expected text or a valid integer or a valid number or a valid boolean, found a list",
    ]


def test_values_are_shown_as_in_yaml(written):
    """Errors show `null` and `true`, not `None` and `True`."""
    text = "store: yes\nindex: 2020-01-01\nnetwork: {max_bytes: 2 Gigs, attempts: ~, stall_timeout: .inf}\n"
    assert sorted(mistakes(text, written)) == [
        "1: store: expected text or a mapping, found true",
        "2: index: expected text or a mapping, found the date 2020-01-01",
        "3: network.attempts: expected a valid integer, found nothing",
        "3: network.max_bytes: expected a size from 1 to 9,223,372,036,854,775,807 bytes, such as 2GiB, found '2 Gigs'",
        "3: network.stall_timeout: expected a time from 0.001 to 2,592,000 seconds (30 days), found inf",
    ]


SIZE = "expected a size from 1 to 9,223,372,036,854,775,807 bytes, such as 2GiB"
TIME = "expected a time from 0.001 to 2,592,000 seconds (30 days)"


@pytest.mark.parametrize("place", ["network", "source"])
@pytest.mark.parametrize(
    ("key", "value", "expected", "found"),
    [
        ("max_bytes", "10EiB", SIZE, "'10EiB'"),
        ("max_bytes", "9223372036854775808", SIZE, "9223372036854775808"),
        ("max_bytes", "1e30", SIZE, "'1e30'"),
        ("max_bytes", "1.0e+30", SIZE, "1e+30"),
        ("max_bytes", ".inf", SIZE, "inf"),
        ("max_bytes", ".nan", SIZE, "nan"),
        ("max_bytes", "0", SIZE, "0"),
        ("max_bytes", "-1", SIZE, "-1"),
        ("max_bytes", f"'{'9' * 400}B'", SIZE, f"'{'9' * 59}…"),
        ("max_bytes", "9" * 400, SIZE, "a number of more than 30 digits"),
        ("total_timeout", "1e30", TIME, "'1e30'"),
        ("total_timeout", "1.0e+30", TIME, "1e+30"),
        ("total_timeout", "2592000.1", TIME, "2592000.1"),
        ("connect_timeout", "0", TIME, "0"),
        ("connect_timeout", "-.inf", TIME, "-inf"),
        ("stall_timeout", ".nan", TIME, "nan"),
        ("stall_timeout", "9" * 400, TIME, "a number of more than 30 digits"),
        ("connections", "9" * 400, "expected less than or equal to 1024", "a number of more than 30 digits"),
        (
            "requests_per_second_per_host",
            "1.0e-300",
            "expected requests a second, one in 30 days (0.00000039) at least",
            "1e-300",
        ),
    ],
)
def test_sizes_and_times_out_of_range_have_their_line(written, place, key, value, expected, found):
    """Of a department and of a source alike; none of them overflows later, in a run."""
    if place == "network":
        text, name = f"store: x\nnetwork:\n\n  {key}: {value}\n", f"network.{key}"
    else:
        text, name = "store: x\nfiles:\n- {name: a, urls: ['http://a/']}\n", f"files.0.{key}"
        text = text.replace("]}", f"],\n    {key}: {value}}}")
    assert mistakes(text, written) == [f"4: {name}: {expected}, found {found}"]


@pytest.mark.parametrize("value", ["9223372036854775808", "9" * 400])
@pytest.mark.parametrize(
    "key", ["{kind: page, max: N}", "{kind: page, start: N}", "{kind: page, size: N}", "{kind: offset, limit: N}"]
)
def test_counts_of_more_than_64_bits_have_their_line(written, key, value):
    """Prefect's JSON has no room for them: the run would end in a TypeError when its parameters are recorded."""
    text = "store: x\ntolerated_failures: N\napis:\n- name: a\n  url: http://a/\n  pages: KEY\n"
    text = text.replace("KEY", key).replace("N", value)
    lines = mistakes(text, written)
    assert [line.partition(": ")[0] for line in lines] == ["2", "6"]
    assert all("expected less than or equal to 9223372036854775807, found" in line for line in lines)


def test_a_number_of_very_many_digits_has_its_line(written):
    """Python reads none of more than 4,300 digits; the message shows a part of it."""
    text = f"store: x\nnetwork:\n  max_bytes: {'9' * 5000}\n"
    [message] = [one for one in mistakes(text, written) if "!!int" in one]
    assert message.startswith(f"3: expected a value, found '{'9' * 60}…', not a valid !!int")
    assert len(message) < 200


def test_long_values_are_cut():
    """A message is read by a person."""
    message = validated_message({"store": "x", "index": "x" * 99})
    assert message.endswith(f"or {{block: secret/NAME}}, found '{'x' * 59}…")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("store: 5", "store: expected text or a mapping, found 5"),
        ("store: {blok: s3-bucket/a}", "unknown key 'store.blok'; did you mean 'block'?"),
        ("store: {block: s3/a}", "store.block: expected text like ^(s3-bucket|remote-file-system)/"),
        ("store: s3://me:hunter2@b", "store: expected a folder, or for object storage a block such as"),
        ("store: x\nindex: 5", "index: expected text or a mapping, found 5"),
        ("store: x\nindex: {block: hunter2}", "index.block: expected text like ^secret/"),
        ("store: x\nindex: mysql://me:hunter2@h/d", "index: expected null, a URL like postgresql://host/database"),
    ],
)
def test_stores_and_indexes(written, text, expected):
    """Each has several forms; the error names them."""
    found = mistakes(text + "\n", written)
    assert any(expected in line for line in found), found
    assert "me:hunter2" not in str(found)


def validated_message(value, kind=IngestionSettings):
    """The message of a value without lines."""
    with pytest.raises(ConfigurationError) as error:
        validated(kind, value, "Variable v")
    return str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "files: [{name: a, urls: ['https://me:hunter2@exa mple.org/']}]",
        "files: [{name: a, urls: ['https://example.org/ x?token=hunter2']}]",
        "files: [{name: a, urls: ['https//me:hunter2@example.org/']}]",
        "files: [{name: a, urls: ['me:hun/ter2hunter2@example.org/']}]",
        "apis: [{name: a, url: 'http://a/', auth: {block: hunter2}}]",
        "apis: [{name: a, url: 'http://a/', auth: hunter2}]",
        "apis: [{name: a, url: 'http://a/', headers: 'Authorization: hunter2'}]",
        "apis: [{name: a, url: 'http://a/', headers: {Authorization: [hunter2]}}]",
        "apis: [{name: a, url: 'http://a/', params: 'api_key=hunter2'}]",
        "token: hunter2",
    ],
)
def test_secrets_are_not_repeated(written, text):
    """A token where its name belongs, or a password in a URL that is none, stands in no message and no traceback."""
    with pytest.raises(ConfigurationError) as error:
        load_yaml(IngestionSettings, written(f"store: x\n{text}\n"))
    assert "hunter2" not in "".join(traceback.format_exception(error.value))
    assert ":2: " in str(error.value)


def test_names_that_come_twice_have_their_line(written):
    """The model's own checks point at a line, as types do."""
    text = "store: x\nfiles:\n  - {name: a, urls: ['http://a/']}\n  - name: A\n    urls: ['http://a/']\n"
    assert mistakes(text, written) == [
        "4: files.1.name: expected a unique source name, not that of files.0.name, found 'A'"
    ]


def test_checks_of_a_whole_mapping(written):
    """They have the line of the mapping, and do not print all of it."""
    assert mistakes("store: x\nfiles:\n  - name: a\n", written) == [
        "3: files.0: expected urls or urls_file, found neither"
    ]


def test_values_without_lines():
    """A Variable is named instead of a file and a line."""
    assert validated(IngestionSettings, {"store": "x"}, "Variable v").store == "x"
    assert validated_message({"stor": "x", "network": 5}).splitlines() == [
        "Variable v: missing key 'store'",
        "Variable v: network: expected a mapping, found 5",
        "Variable v: unknown key 'stor'; did you mean 'store'?",
    ]
    assert validated_message([1]) == "Variable v: expected a mapping, found a list"
    assert validated_message(None) == "Variable v: expected a mapping, found nothing"


class Inner(BaseModel):
    """A member of an untagged union."""

    model_config = ConfigDict(extra="forbid")
    first: int


class Other(BaseModel):
    """A member of an untagged union."""

    model_config = ConfigDict(extra="forbid")
    second: int


class Tree(BaseModel):
    """A model of many shapes."""

    model_config = ConfigDict(extra="forbid")
    children: list["Tree"] = []
    by_name: dict[str, Inner] = {}
    either: Inner | Other | None = None
    size: Annotated[int, Field(ge=1)] | None = None
    kind: Literal["a", "b, c"] = "a"


def test_models_of_other_shapes(written):
    """Trees, mappings of models and untagged unions have their names and lines too."""
    text = """\
children:
  - children:
      - childs: []
by_name:
  x: {frist: 1}
either:
  thrid: 1
size: 0
kind: c
"""
    assert mistakes(text, written, Tree) == [
        "3: unknown key 'children.0.children.0.childs'; did you mean 'children'?",
        "5: missing key 'by_name.x.first'",
        "5: unknown key 'by_name.x.frist'; did you mean 'first'?",
        "6: missing key 'either.first'",
        "6: missing key 'either.second'",
        "7: unknown key 'either.thrid'; valid are first, second",
        "8: size: expected greater than or equal to 1, found 0",
        "9: kind: expected 'a' or 'b, c', found 'c'",
    ]


def test_what_was_meant():
    """The nearest of what there is, else all of it."""
    assert nearest("stroe", ["store", "index"]) == nearest_or_all("stroe", {"store": 1}) == "did you mean 'store'?"
    assert (nearest("x", ["b", "a"]), nearest_or_all("x", ["b", "a"])) == ("", "valid are a, b")
    assert nearest_or_all("x", ()) == "there are none"


def test_mistakes_in_a_list_of_private_hosts(written):
    """Each at its line, and none for the list as such."""
    text = """\
store: x
network:
  allow_private_hosts:
    - intranet.example.org
    - https://intranet.example.org/a?token=hunter2
    - 10.0.0.1/8
    - 10
files:
  - name: a
    urls: [http://a/]
    allow_private_hosts: intranet.example.org
"""
    host = "expected a host name or a network such as intranet.example.org or 10.0.0.0/8"
    assert mistakes(text, written) == [
        f"5: network.allow_private_hosts.1: {host}, without scheme and path, "
        "found 'https://intranet.example.org/a?token=***'",
        f"6: network.allow_private_hosts.2: {host}, without bits after the prefix: 10.0.0.0/8, found '10.0.0.1/8'",
        "7: network.allow_private_hosts.3: expected text, found 10",
        "11: files.0.allow_private_hosts: expected true, false, or a list of host names and networks, "
        "found 'intranet.example.org'",
    ]


class _Named(BaseModel):
    """A mapping whose keys have a pattern, and whose values are one of several models; a tuple."""

    model_config = ConfigDict(extra="forbid")

    checks: dict[
        Annotated[str, Field(pattern="^[a-z]+$")], Annotated[NumberedPages | LinkPages, Field(discriminator="kind")]
    ] = {}
    names: tuple[str, ...] = ()


def test_keys_below_names_of_a_pattern(written):
    """The nearest one of the model that is meant; a tuple is a list in YAML."""
    text = "checks:\n  one: {kind: page, parma: page}\nnames: one\n"
    assert mistakes(text, written, _Named) == [
        "2: unknown key 'checks.one.parma'; did you mean 'param'?",
        "3: names: expected a list, found 'one'",
    ]
