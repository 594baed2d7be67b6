"""Tables."""

from collections import Counter
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core import Kind
from airnub_core.errors import DatasetError, StoreError
from airnub_core.field_types import WORDS
from airnub_core.outcome import Violation
from airnub_core.tables import (
    REASON,
    Column,
    conform,
    may_have_rows,
    read_csv,
    read_json_lines,
    type_name,
    write_dataset,
    write_rejected,
)

TIME = pl.Datetime("ms", "UTC")
A_TIME = "expected a time such as 2018-02-07T01:26:13Z, or milliseconds since 1970"

WEATHER = {
    "place": Column(pl.String),
    "date": Column(pl.Date),
    "rain": Column(pl.Float64, minimum=0, maximum=500),
    "word": Column(pl.String, nullable=True, one_of=("sun", "fog")),
}


def conformed(values, column, dtype=pl.String):
    """What becomes of one column: the values that fit, and the reasons for those that do not."""
    result = conform("sample", pl.DataFrame({"x": pl.Series(values, dtype=dtype)}), {"x": column})
    return result.rows["x"].to_list(), result.quarantine[REASON].to_list()


def weather(*lines):
    """Lines of CSV below the header of `WEATHER`, conformed."""
    content = "\n".join(["place,date,rain,word", *lines]).encode()
    return conform("weather", read_csv("weather", [content]), WEATHER, unique=("place", "date"))


def reasons(result):
    return result.quarantine[REASON].to_list()


# --- conform ---------------------------------------------------------------------------------------------------------


def test_rows_that_fit_are_typed_and_in_the_schemas_columns():
    """Columns have the declared types and order; columns that nobody declared are left out."""
    frame = pl.DataFrame({"extra": ["?"], "word": ["fog"], "rain": ["0.5"], "date": ["2018-02-07"], "place": ["Bonn"]})
    result = conform("weather", frame, WEATHER)
    assert result.rows.schema == {"place": pl.String, "date": pl.Date, "rain": pl.Float64, "word": pl.String}
    assert result.rows.rows() == [("Bonn", date(2018, 2, 7), 0.5, "fog")]
    assert result.quarantine.is_empty()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",2018-02-07,1,", "place: expected a value, found nothing"),
        ("Bonn,2018-02-30,1,", "date: expected a date such as 2018-02-07, found 2018-02-30"),
        ("Bonn,2018-02-07,much,", "rain: expected a number, found much"),
        ("Bonn,2018-02-07,-0.1,", "rain: expected at least 0, found -0.1"),
        ("Bonn,2018-02-07,501,", "rain: expected at most 500, found 501"),
        ("Bonn,2018-02-07,1,hail", "word: expected one of sun, fog, found hail"),
        ("Bonn,2018-02-07,1,sun,7", "expected no field beyond the last column, found 7"),
        (
            ",07/02/2018,-1,hail",
            "place: expected a value, found nothing; date: expected a date such as 2018-02-07, found 07/02/2018; "
            "rain: expected at least 0, found -1; word: expected one of sun, fog, found hail",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_set_aside_with_every_reason(line, reason):
    """The row stays as it came, beside all that is wrong with it; the others are kept."""
    result = weather("Bonn,2018-02-06,1,sun", line)
    assert result.rows.height == 1
    assert reasons(result) == [reason]
    assert result.quarantine.columns == [*WEATHER, REASON]
    assert [value or "" for value in result.quarantine.row(0)[:-1]] == line.split(",")[:4]


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        (Column(pl.String), " kept as it is ", " kept as it is "),
        (Column(pl.Float64), " 1.5 ", 1.5),
        (Column(pl.Float64), "-1e-3", -0.001),
        (Column(pl.Int64), "+3", 3),
        (Column(pl.Boolean), "True", True),
        (Column(pl.Boolean), " false", False),
        (Column(pl.Date), " 2018-02-07 ", date(2018, 2, 7)),
        (Column(pl.Float64, minimum=0, maximum=1), "0", 0),
        (Column(pl.Float64, minimum=0, maximum=1), "1", 1),
        (Column(pl.Float64, nullable=True), "", None),
        (Column(pl.Float64, nullable=True, minimum=0), " ", None),
        (Column(pl.String, nullable=True, one_of=("a",)), None, None),
    ],
)
def test_text_is_read_as_its_type(column, text, value):
    """Blanks around a value are nothing, except in text; a field of blanks is a missing value."""
    assert conformed([text], column) == ([value], [])


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        (Column(pl.String), " ", "expected a value"),
        (Column(pl.String), "K\ufffdln", "expected text in UTF-8"),
        (Column(pl.Float64), "1,5", "expected a number"),
        (Column(pl.Float64), "0x10", "expected a number"),
        (Column(pl.Float64), "NaN", "expected a finite number"),
        (Column(pl.Float64), "-inf", "expected a finite number"),
        (Column(pl.Float64), "1e400", "expected a finite number"),
        (Column(pl.Int64), "1.0", "expected a whole number (Int64)"),
        (Column(pl.Int64), "9223372036854775808", "expected a whole number (Int64)"),
        (Column(pl.Int8), "300", "expected a whole number (Int8)"),
        (Column(pl.Boolean), "1", "expected true or false"),
        (Column(pl.Date), "07/02/2018", "expected a date such as 2018-02-07"),
        (Column(pl.Date), "2018-2-7", "expected a date such as 2018-02-07"),
        (Column(pl.Date), "0000-01-01", "expected a date such as 2018-02-07"),
        (Column(pl.Duration), "1h", "expected Duration"),
    ],
)
def test_text_that_is_not_of_its_type_is_refused(column, text, expected):
    """The reason says what was expected and shows what was found."""
    shown = "nothing" if text == " " else text
    assert conformed([text], column) == ([], [f"x: {expected}, found {shown}"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2018-02-07T01:26:13.840Z", datetime(2018, 2, 7, 1, 26, 13, 840_000, UTC)),
        ("2018-02-07T01:26:13.123456789Z", datetime(2018, 2, 7, 1, 26, 13, 123_000, UTC)),
        ("2018-02-07T01:26:13+02:00", datetime(2018, 2, 6, 23, 26, 13, 0, UTC)),
        ("2018-02-07T01:26:13-0830", datetime(2018, 2, 7, 9, 56, 13, 0, UTC)),
        ("2018-02-07T01:26:13+02", datetime(2018, 2, 6, 23, 26, 13, 0, UTC)),
        ("2018-02-07 01:26:13", datetime(2018, 2, 7, 1, 26, 13, 0, UTC)),
        ("2018-02-07T01:26Z", datetime(2018, 2, 7, 1, 26, 0, 0, UTC)),
        ("2018-02-07T01:26", datetime(2018, 2, 7, 1, 26, 0, 0, UTC)),
        ("1517966773840", datetime(2018, 2, 7, 1, 26, 13, 840_000, UTC)),
        ("-1", datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)),
    ],
)
@pytest.mark.parametrize("unit", ["ms", "us"])
def test_times_are_iso_8601_or_milliseconds(unit, text, value):
    """With any offset, in UTC without one; numbers are milliseconds also where the column keeps microseconds."""
    [found], refused = conformed([text], Column(pl.Datetime(unit, "UTC")))
    assert refused == []
    assert found.replace(microsecond=found.microsecond // 1000 * 1000) == value


@pytest.mark.parametrize(
    "text", ["2018-02-07", "07/02/2018 01:26", "2018-02-30T00:00Z", "2018-02-07T24:00Z", "0000-01-01T00:00Z", "1" * 17]
)
def test_other_times_are_refused(text):
    """Nothing is guessed: a day of another order, no such day, and what lies beyond the calendar."""
    assert conformed([text], Column(TIME)) == ([], [f"x: {A_TIME}, found {text}"])


@pytest.mark.parametrize("turned", [False, True])
def test_how_one_row_is_read_does_not_depend_on_the_others(turned):
    """Times of several forms in one column are all read, whichever comes first."""
    texts = ["2018-02-07T01:26:13Z", "1517966773000", "2018-02-07 01:26:13", "7.2.2018"]
    values, refused = conformed(texts[::-1] if turned else texts, Column(TIME))
    assert values == [datetime(2018, 2, 7, 1, 26, 13, 0, UTC)] * 3
    assert refused == [f"x: {A_TIME}, found 7.2.2018"]


def test_types_that_came_typed_are_converted_without_loss():
    """Numbers stay numbers; one with a fraction is no whole number."""
    assert conformed([1, 2], Column(pl.Float64), pl.Int64) == ([1.0, 2.0], [])
    assert conformed([1.5, 2.0], Column(pl.Int64), pl.Float64) == (
        [2],
        ["x: expected a whole number (Int64), found 1.5"],
    )


def test_of_identical_rows_one_is_kept_and_nothing_is_said():
    """A source that brings a row twice, in two files perhaps, has it once."""
    result = weather("Bonn,2018-02-07,1,sun", "Köln,2018-02-07,1,", "Bonn,2018-02-07,1,sun")
    assert result.rows["place"].to_list() == ["Bonn", "Köln"]
    assert result.quarantine.is_empty()


def test_of_rows_with_the_same_key_the_last_is_kept():
    """The others are counted, not set aside; a row that breaks a rule supersedes none."""
    result = weather(
        "Bonn,2018-02-07,1,sun", "Bonn,2018-02-07,2,sun", "Bonn,2018-02-07,3,sun", "Bonn,2018-02-07,-1,",
        "Bonn,2018-02-06,5,",
    )  # fmt: skip
    assert result.rows["rain"].to_list() == [5, 3]
    assert (result.superseded, reasons(result)) == (2, ["rain: expected at least 0, found -1"])


def test_a_row_that_returns_to_what_it_was_is_the_last():
    """Identical rows are one, as new as the newest of them."""
    result = weather("Bonn,2018-02-07,1,sun", "Bonn,2018-02-07,2,sun", "Bonn,2018-02-07,1,sun")
    assert (result.rows["rain"].to_list(), result.superseded) == ([1], 1)


def test_rows_are_in_the_order_of_their_keys():
    """Of which object came first depends on the network; equal rows are equal files all the same."""
    lines = ["Ulm,2018-02-07,1,", "Bonn,2018-02-08,2,", "Bonn,2018-02-07,3,"]
    assert weather(*lines).rows.equals(weather(*reversed(lines)).rows)
    assert weather(*lines).rows["rain"].to_list() == [3, 2, 1]


def test_rules_are_counted():
    """The one that most rows break comes first; a row may break several; the first value is shown."""
    result = weather("Bonn,2018-02-07,-1,", ",2018-02-07,-2,", "Bonn,2018-02-07,-2,,x", "Bonn,2018-02-07,-2,,x")
    assert result.violations == (
        Violation("rain: expected at least 0", 4, "-1"),
        Violation("expected no field beyond the last column", 2, "x"),
        Violation("place: expected a value", 1, "nothing"),
    )
    assert (result.read, result.quarantine.height) == (4, 4)
    assert str(result.violations[0]) == "rain: expected at least 0, found -1 (rows: 4)"


def test_the_value_that_is_shown_is_one_line_without_secrets():
    """The quarantine file has all of it."""
    long = conform(
        "sample", pl.DataFrame({"x": ["https://h/?token=s3cret\nand " + "more" * 99]}), {"x": Column(pl.Int8)}
    )
    assert long.violations[0].example.startswith("https://h/?token=*** and more")
    assert len(long.violations[0].example) == 81
    assert "s3cret" in long.quarantine["x"].item()


def test_missing_columns_are_an_error_that_names_them():
    """They are told apart from what is there."""
    with pytest.raises(DatasetError, match=r"^weather: expected the columns date, word, found rain, place$"):
        conform("weather", pl.DataFrame({"rain": ["1"], "place": ["Bonn"]}), WEATHER)
    with pytest.raises(DatasetError, match="found no columns"):
        conform("weather", read_csv("weather", []), WEATHER)


def test_no_rows_are_an_empty_table_of_the_right_types():
    """A header alone conforms."""
    result = weather()
    assert result.rows.schema["date"] == pl.Date
    assert (result.rows.height, result.quarantine.height) == (0, 0)


def test_a_column_may_be_called_reason():
    """A dataset of complaints keeps its reasons beside ours."""
    result = conform("complaints", pl.DataFrame({"reason": ["late", None]}), {"reason": Column(pl.String)})
    assert result.rows["reason"].to_list() == ["late"]
    assert result.quarantine.rows() == [(None, "reason: expected a value, found nothing")]


_FIELD = st.one_of(
    st.sampled_from(["", " ", "1", "1.0", "-1", "nan", "inf", "1e999", "2018-02-07", "2018-02-07T01:26Z", "sun", "a"]),
    # Four control characters are blanks for Python and not for Unicode.
    st.text(st.characters(codec="utf-8", exclude_characters="\x1c\x1d\x1e\x1f"), max_size=5),
    st.none(),
)
_ANY = {
    "key": Column(pl.String),
    "when": Column(TIME, nullable=True),
    "day": Column(pl.Date, nullable=True),
    "count": Column(pl.Int64, nullable=True, minimum=0),
    "rain": Column(pl.Float64, nullable=True, minimum=0, maximum=10),
    "word": Column(pl.String, nullable=True, one_of=("sun", "a")),
}


def _as_conform_sees(row):
    return tuple(None if value is None or not value.strip() else value for value in row)


@given(st.lists(st.tuples(*[_FIELD] * len(_ANY)), max_size=12))
def test_no_row_is_lost_and_every_kept_row_fits(rows):
    """Every row that breaks a rule is set aside; of the others each different one is kept or superseded."""
    frame = pl.DataFrame(rows, schema=dict.fromkeys(_ANY, pl.String), orient="row")
    result = conform("any", frame, _ANY, unique=("key",))
    came, quarantined = Counter(map(_as_conform_sees, rows)), Counter(row[:-1] for row in result.quarantine.rows())
    assert all(came[row] == count for row, count in quarantined.items())
    assert result.rows.height + result.superseded == len(came - quarantined)
    assert result.read == len(rows)
    assert all(result.quarantine[REASON].to_list())
    assert all(0 < one.rows <= result.quarantine.height and one.example for one in result.violations)
    assert bool(result.violations) is bool(quarantined)
    assert result.rows.schema == {name: column.dtype for name, column in _ANY.items()}
    assert result.rows["key"].is_unique().all()
    for row in result.rows.to_dicts():
        assert row["key"]
        assert row["count"] is None or row["count"] >= 0
        assert row["rain"] is None or 0 <= row["rain"] <= 10
        assert row["word"] in (None, "sun", "a")


# --- read_csv --------------------------------------------------------------------------------------------------------


def rows_of(*contents):
    """The rows that conform, of files with the columns a and b."""
    schema = {"a": Column(pl.String, nullable=True), "b": Column(pl.String, nullable=True)}
    result = conform("sample", read_csv("sample", contents), schema)
    return result.rows.rows(), reasons(result)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"a,b\n1,2\n", [("1", "2")]),
        (b"a,b\r\n1,2\r\n", [("1", "2")]),
        (b"\xef\xbb\xbfa,b\n1,2", [("1", "2")]),
        (b'a,b\n"x, y","say ""hi"""\n', [("x, y", 'say "hi"')]),
        (b'a,b\n"two\nlines",2\n', [("two\nlines", "2")]),
        (b"a,b\n007,\n", [("007", None)]),
        (b'a,b\n1,""\n', [("1", None)]),
        (b"a,b\n1\n", [("1", None)]),
        (b"a,b\n1,2,\n", [("1", "2")]),
        (b"a,b\n1,2\n\n,\n3,4\n\n", [("1", "2"), ("3", "4")]),
        (b"a,b\n#1,2\n", [("#1", "2")]),
        (b"a,b", []),
    ],
)
def test_csv_is_read_as_text(content, rows):
    """Quotes, line ends, a byte order mark; short lines have missing values, lines without a value are no rows."""
    assert rows_of(content) == (rows, [])


def test_what_is_beyond_the_header_is_not_cut_off_unseen():
    """A comma that was not quoted would move the fields of its line: the line is set aside, the others are kept."""
    rows, refused = rows_of(b"a,b\nKodiak, Alaska,3\nHualian,4\n")
    assert rows == [("Hualian", "4")]
    assert refused == ["expected no field beyond the last column, found 3"]


def test_bytes_that_are_no_utf_8_are_set_aside():
    """A file in Latin-1 loses the lines that UTF-8 cannot read, and no letter is replaced unseen."""
    rows, refused = rows_of("a,b\nKöln,1\nBonn,2\n".encode("latin-1"))
    assert rows == [("Bonn", "2")]
    assert refused == ["a: expected text in UTF-8, found K\ufffdln"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b'a,b\n"1,2\n3,4\n', b'a,b\n"z"w,1\n'])
def test_broken_csv_is_an_error_of_one_line(content):
    """No header, or quotes that never end; how to make Polars read on is nothing for our users."""
    with pytest.raises(DatasetError, match=r"^sample: expected a CSV file with a header, found: [^\n]+\Z"):
        read_csv("sample", [content])


def test_other_bytes_lack_the_columns():
    """A web page or a file in UTF-16 is told by its columns."""
    for content in (b"<html>\n<p>x, y</p>", "a,b\n1,2\n".encode("utf-16")):
        with pytest.raises(DatasetError, match="expected the columns a, b, found"):
            rows_of(content)


def test_files_with_the_same_columns_are_one_table():
    """Their rows come one after the other; another header is an error that shows both."""
    assert rows_of(b"a,b\n1,2\n", b"a,b\n3,4,\n") == ([("1", "2"), ("3", "4")], [])
    with pytest.raises(DatasetError, match=r"expected the columns a, b in every file, found b, a$"):
        read_csv("sample", [b"a,b\n1,2\n", b"b,a\n2,1\n"])


# --- read_json_lines -------------------------------------------------------------------------------------------------


def test_json_lines_are_read_by_path():
    """Through objects, and lists by number; numbers, booleans and whole values come as their JSON."""
    content = b'{"id": "x", "geo": {"at": [1, -2.5]}, "ok": true}\r\n \n\n{"id": "\\u00fc", "geo": {"at": []}}\n'
    frame = read_json_lines("quakes", [content], {"id": "id", "lat": "geo.at.1", "ok": "ok", "geo": "geo"})
    assert frame.rows() == [("x", "-2.5", "true", '{"at": [1, -2.5]}'), ("ü", None, None, '{"at": []}')]


def test_what_a_record_lacks_is_a_missing_value():
    """A path that leads nowhere, a null on the way, a record that is no object."""
    content = b'{}\n{"a": null}\n{"a": "text"}\n[1]\n5\n'
    assert read_json_lines("quakes", [content], {"b": "a.b"}).rows() == [(None,)] * 5


def test_no_files_are_no_records():
    """With the columns all the same."""
    frame = read_json_lines("quakes", [], {"id": "id"})
    assert (frame.columns, frame.height) == (["id"], 0)


@pytest.mark.parametrize(
    "line", [b"<html>", b"{'id': 1}", b'{"id": "K\xf6ln"}', b"[" * 100_000], ids=["HTML", "quotes", "Latin-1", "deep"]
)
def test_a_line_that_is_no_json_is_named(line):
    """By its number and its beginning."""
    with pytest.raises(DatasetError, match=r"^quakes: expected JSON on line 2, found b"):
        read_json_lines("quakes", [b'{"id": 1}\n' + line + b"\n"], {"id": "id"})


def test_half_a_character_is_set_aside():
    """JSON can say half a surrogate pair; it is no text, and no reason to stop."""
    frame = read_json_lines("quakes", [b'{"id": "\\ud800"}\n{"id": "\\ud83d\\ude00"}\n'], {"id": "id"})
    result = conform("quakes", frame, {"id": Column(pl.String)})
    assert result.rows.rows() == [("😀",)]
    assert "expected text in UTF-8" in reasons(result)[0]


# --- write_dataset ---------------------------------------------------------------------------------------------------


def test_a_dataset_is_stored_then_unchanged_then_updated(tmp_path):
    """The outcome says what happened, counts rows, and names a Parquet file that is read back as it was."""
    one, two = weather("Bonn,2018-02-07,1,sun"), weather("Bonn,2018-02-07,2,sun", "Bonn,x,2,sun")
    stored, unchanged, updated = (write_dataset(tmp_path / "new", "weather", given) for given in (one, one, two))
    assert [outcome.kind for outcome in (stored, unchanged, updated)] == [Kind.STORED, Kind.UNCHANGED, Kind.UPDATED]
    assert (stored.source, stored.path, stored.rows, stored.quarantined) == ("weather", "weather.parquet", 1, 0)
    assert (updated.rows, updated.quarantined) == (1, 1)
    assert stored.digest == unchanged.digest != updated.digest
    path = tmp_path / "new" / updated.path
    assert updated.size == path.stat().st_size
    assert pl.read_parquet(path).equals(two.rows)


def test_the_quarantine_file_comes_and_goes(tmp_path):
    """It is there while there are rows for it."""
    path = tmp_path / "weather.quarantine.csv"
    write_dataset(tmp_path, "weather", weather("Bonn,2018-02-07,-1,", "Bonn,2018-02-08,1,"))
    assert path.read_text() == (
        f'place,date,rain,word,{REASON}\nBonn,2018-02-07,-1,,"rain: expected at least 0, found -1"\n'
    )
    write_dataset(tmp_path, "weather", weather("Bonn,2018-02-08,1,"))
    assert [file.name for file in tmp_path.iterdir()] == ["weather.parquet"]


def test_rows_of_a_rejected_attempt_are_written_beside(tmp_path):
    """Until an attempt succeeds, or has none."""
    bad, good = weather("Bonn,2018-02-07,-1,"), weather("Bonn,2018-02-08,1,")
    for after in (lambda: write_rejected(tmp_path, "weather", good), lambda: write_dataset(tmp_path, "weather", good)):
        write_rejected(tmp_path, "weather", bad)
        assert "found -1" in (tmp_path / "weather.rejected.csv").read_text()
        after()
        assert not (tmp_path / "weather.rejected.csv").exists()


def test_whether_a_file_may_have_rows(tmp_path):
    """One that is damaged may; one whose folder is a file cannot be asked."""
    path = tmp_path / "[a]*.parquet"
    assert not may_have_rows(path)
    pl.DataFrame({"x": []}).write_parquet(path)
    assert not may_have_rows(path)
    pl.DataFrame({"x": [1]}).write_parquet(path)
    assert may_have_rows(path)
    path.write_bytes(b"damaged")
    assert may_have_rows(path)
    with pytest.raises(StoreError):
        may_have_rows(path / "beyond.parquet")


def test_equal_rows_give_equal_bytes(tmp_path):
    """So that a dataset's digest tells whether anything changed."""
    lines = [f"Bonn,2018-02-{day:02},{day},sun" for day in range(1, 29)]
    first, second = (write_dataset(tmp_path / name, "weather", weather(*lines)) for name in ("a", "b"))
    assert first.digest == second.digest
    assert (tmp_path / "a" / first.path).read_bytes() == (tmp_path / "b" / second.path).read_bytes()


# --- names of types --------------------------------------------------------------------------------------------------


def test_every_type_of_contracts_is_one_of_columns():
    """No word that nothing can be."""
    types = [pl.String, pl.Boolean, pl.Date, *(pl.Datetime(unit, "UTC") for unit in ("ms", "us", "ns"))]
    types += [pl.Float32, pl.Float64, pl.Int8, pl.Int16, pl.Int32, pl.Int64]
    types += [pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64]
    assert tuple(map(type_name, types)) == WORDS


@pytest.mark.parametrize(
    ("dtype", "name"),
    [(pl.Float64(), "float64"), (pl.List(pl.Int8), "List(Int8)"), (pl.Datetime, "Datetime"), (pl.Binary, "Binary")],
)
def test_the_name_of_a_type(dtype, name):
    """Of an instance as of its class; what contracts have no word for keeps polars' name."""
    assert type_name(dtype) == name


def test_times_without_a_zone_have_no_name_in_contracts():
    """Nobody could say when they are."""
    assert type_name(pl.Datetime("ms")) not in WORDS
