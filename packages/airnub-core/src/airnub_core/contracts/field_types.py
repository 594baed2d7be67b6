"""Types of published fields: parse and format their names in contracts.

A name is a single word (`string`, `int64`), or composed: `decimal(12,2)`, `list(string)`, `struct(city: string, at:
datetime_us)`. Timestamps are in UTC, and their type includes the unit, since readers can join only equal types.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

WORDS = (
    "string", "boolean", "date", "datetime_ms", "datetime_us", "datetime_ns", "float32", "float64",
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
)  # fmt: skip
"""Types whose name is a single word."""
MAX_DIGITS = 38
"""Maximum precision of a decimal: https://parquet.apache.org/docs/file-format/types/logicaltypes/"""
_DEEPEST = 32
"""Maximum nesting depth of lists and structs: a deeper name raises an error instead of exhausting the stack."""
_BUILT = ("decimal(P,S)", "list(TYPE)", "struct(NAME: TYPE, …)")
_PLAIN = re.compile(r"[^\W\d]\w*")
_TOKEN = re.compile(r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<word>\w+)|(?P<mark>[(),:]))')


@dataclass(frozen=True, slots=True)
class Simple:
    """Type that is a word of `WORDS`."""

    word: str

    def __str__(self) -> str:
        return self.word


@dataclass(frozen=True, slots=True)
class Decimal:
    """Fixed-point number with `precision` digits, `scale` of them fractional."""

    precision: int
    scale: int

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})"


@dataclass(frozen=True, slots=True)
class ListOf:
    """List of any length, whose values may be null."""

    inner: "FieldTree"

    def __str__(self) -> str:
        return f"list({self.inner})"


@dataclass(frozen=True, slots=True)
class Struct:
    """Ordered named fields, each of which may be null."""

    fields: tuple[tuple[str, "FieldTree"], ...]

    def __str__(self) -> str:
        return f"struct({', '.join(f'{_quoted(name)}: {kind}' for name, kind in self.fields)})"


FieldTree = Simple | Decimal | ListOf | Struct


def parse_field_type(name: str) -> FieldTree:
    """Parse the name of a type; `str` of the result is the normalized name.

    >>> str(parse_field_type("struct( city:string, sizes: list( decimal(12, 2) ) )"))
    'struct(city: string, sizes: list(decimal(12,2)))'

    Raises:
        ValueError: the name is not a type; the message suggests the closest one and lists all.
    """
    tokens = list(_tokens(name))
    kind, rest = _parsed(tokens, 0)
    if rest != len(tokens):
        raise ValueError(f"expected the end of the type after {kind}; {_types()}")
    return kind


def _tokens(name: str) -> Iterator[str]:
    position, end = 0, len(name.rstrip())
    while position < end:
        match = _TOKEN.match(name, position)
        if match is None:
            raise ValueError(f"unknown character {name[position:].lstrip()[0]!r} in a type; {_types()}")
        yield match[0].strip()
        position = match.end()


def _parsed(tokens: list[str], at: int, depth: int = 0) -> tuple[FieldTree, int]:
    """Parse the type that begins at a token, and return it with the index of the token after it."""
    word = tokens[at] if at < len(tokens) else ""
    opens = at + 1 < len(tokens) and tokens[at + 1] == "("
    if depth > _DEEPEST:
        raise ValueError(f"expected at most {_DEEPEST} lists and structs in each other")
    if word in WORDS:
        return Simple(word), at + 1
    if word == "decimal" and opens:
        return _decimal(tokens, at + 2)
    if word == "list" and opens:
        inner, end = _parsed(tokens, at + 2, depth + 1)
        return ListOf(inner), _closed(tokens, end, "list(TYPE)")
    if word == "struct" and opens:
        return _struct(tokens, at + 2, depth + 1)
    if word in {"decimal", "list", "struct"}:
        [form] = [one for one in _BUILT if one.startswith(word)]
        raise ValueError(f"expected {form}; {_types()}")
    near = get_close_matches(word.lower(), [*WORDS, "decimal", "list", "struct"], n=1)
    raise ValueError(f"unknown type {word!r}{f' (did you mean {near[0]!r}?)' if near else ''}; {_types()}")


def _decimal(tokens: list[str], at: int) -> tuple[Decimal, int]:
    digits = tokens[at : at + 4]
    if len(digits) < 4 or digits[1] != "," or digits[3] != ")" or not (digits[0] + digits[2]).isdecimal():
        raise ValueError(f"expected decimal(P,S), such as decimal(12,2); {_QUOTES}")
    # bounded, since Python's `int` rejects very long numbers
    precision, scale = (int(one[:9]) for one in (digits[0], digits[2]))
    if not 1 <= precision <= MAX_DIGITS or scale > precision:
        raise ValueError(f"expected decimal(P,S) with P from 1 to {MAX_DIGITS} and S from 0 to P")
    return Decimal(precision, scale), at + 4


def _struct(tokens: list[str], at: int, depth: int) -> tuple[Struct, int]:
    fields: dict[str, FieldTree] = {}
    while True:
        name = tokens[at] if at < len(tokens) else ")"
        if name in {"(", ")", ",", ":"} or tokens[at + 1 : at + 2] != [":"]:
            raise ValueError(f"expected struct(NAME: TYPE, …), with a name and a colon; {_QUOTES}")
        name = _unquoted(name)
        if name in fields:
            raise ValueError(f"expected each name of a struct once, and {name!r} is there twice")
        fields[name], at = _parsed(tokens, at + 2, depth)
        if tokens[at : at + 1] != [","]:
            return Struct(tuple(fields.items())), _closed(tokens, at, "struct(NAME: TYPE, …)")
        at += 1


def _closed(tokens: list[str], at: int, form: str) -> int:
    if tokens[at : at + 1] != [")"]:
        raise ValueError(f"expected {form}, which ends with ')'; {_QUOTES}")
    return at + 1


_QUOTES = "in YAML, a type with a comma or a colon is put in quotes"


def _types() -> str:
    return f"types are {', '.join((*WORDS, *_BUILT))}"


def _quoted(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _unquoted(name: str) -> str:
    try:
        return str(json.loads(name)) if name.startswith('"') else name
    except ValueError:
        raise ValueError(f"expected the name of a struct's field as JSON writes text, found {name}") from None
