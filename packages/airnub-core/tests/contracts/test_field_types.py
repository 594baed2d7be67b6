"""Names of types in contracts."""

import re

import pytest

from airnub_core.contracts.field_types import WORDS, Decimal, ListOf, Simple, Struct, parse_field_type


@pytest.mark.parametrize(
    "name",
    [
        *WORDS,
        "decimal(38,0)",
        "decimal(12,2)",
        "list(string)",
        "list(list(decimal(12,2)))",
        "struct(city: string, at: datetime_us)",
        "list(struct(name: string, sizes: list(int64), where: struct(lat: float64, lon: float64)))",
        'struct("odd: name, (with) \\"all\\"": int64, string: date)',
    ],
)
def test_a_name_is_written_as_it_was_read(name):
    """Parsing and formatting preserves a name, so equal types have equal names."""
    assert str(parse_field_type(name)) == name


def test_a_name_is_parsed_into_its_parts():
    """The parsed tree allows a mapping to other type systems."""
    name = "list(struct(city: string, price: decimal(9,2)))"
    struct = Struct((("city", Simple("string")), ("price", Decimal(9, 2))))
    assert parse_field_type(name) == ListOf(struct)


@pytest.mark.parametrize("name", ["decimal( 12 , 2 )", " decimal(12,2) ", "decimal(12,2)"])
def test_spaces_do_not_count(name):
    """White space is ignored."""
    assert str(parse_field_type(name)) == "decimal(12,2)"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("strin", "unknown type 'strin' (did you mean 'string'?); types are string, boolean"),
        ("Int64", "unknown type 'Int64' (did you mean 'int64'?)"),
        ("list(dayte)", "unknown type 'dayte' (did you mean 'date'?)"),
        ("blob", "unknown type 'blob'; types are string"),
        ("", "unknown type ''; types are string"),
        ("decimal", "expected decimal(P,S); types are"),
        ("list", "expected list(TYPE); types are"),
        ("decimal(12)", "expected decimal(P,S), such as decimal(12,2)"),
        ("decimal(39,2)", "with P from 1 to 38 and S from 0 to P"),
        ("decimal(2,3)", "with P from 1 to 38 and S from 0 to P"),
        ("decimal(0,0)", "with P from 1 to 38 and S from 0 to P"),
        ("decimal(-1,0)", "unknown character '-' in a type"),
        ("list(string", "expected list(TYPE), which ends with ')'"),
        ("list(string, date)", "expected list(TYPE), which ends with ')'"),
        ("struct()", "expected struct(NAME: TYPE, …), with a name and a colon"),
        ("struct(a)", "with a name and a colon; in YAML"),
        ("struct(a: string", "which ends with ')'"),
        ("struct(a: string, a: date)", "expected each name of a struct once, and 'a' is there twice"),
        ("string)", "expected the end of the type after string"),
        ("struct(a: string) b", "expected the end of the type"),
        (r'struct("\x": string)', "as JSON writes text"),
        ("list(" * 5000 + "string" + ")" * 5000, "expected at most 32 lists and structs in each other"),
        ("decimal(" + "9" * 5000 + ",2)", "with P from 1 to 38 and S from 0 to P"),
    ],
)
def test_a_wrong_name_says_what_there_is(name, expected):
    """The error suggests the closest name and lists all."""
    with pytest.raises(ValueError, match=re.escape(expected)):
        parse_field_type(name)
