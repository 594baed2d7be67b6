"""Answers, as libcurl hands them over; what real servers send is in the tests beside this."""

import gzip
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airnub_core.errors import (
    ContentEncodingError,
    HttpStatusError,
    ItemError,
    ProtocolError,
    TooLargeError,
    TruncatedBodyError,
)
from airnub_core.http.limits import MAX_INTERIM
from airnub_core.http.response import UnfitPartError, check_part
from airnub_core.store.partials import WORTH_RESUMING, ResumeInfo

URL = "http://h/a"


def with_headers(answer, *lines, status=200):
    """The headers have come."""
    head = [f"HTTP/1.1 {status} Whatever".encode(), *(line.encode() for line in lines), b""]
    answer.lines += [line + b"\r\n" for line in head]
    return answer


def test_a_body_comes_in_pieces(asked):
    """Its headers are read with the first, names in lower case."""
    answer = with_headers(asked(URL), 'ETag: "1"')
    assert (answer.status, answer.has_headers) == (0, True)
    answer.take(b"one ")
    answer.take(b"two")
    assert (answer.status, answer.headers, answer.end()) == (200, {"etag": '"1"'}, None)
    assert (answer.body.content(), answer.received) == (b"one two", 7)


def test_interim_answers_are_not_the_answer(asked):
    """Each has a block of headers of its own, and the last one counts (RFC 9110, 15.2)."""
    answer = with_headers(asked(URL), "Link: </style.css>", status=103)
    answer = with_headers(with_headers(answer, status=100), "X: last")
    answer.begin()
    assert (answer.status, answer.headers) == (200, {"x": "last"})


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_only_what_begins_a_block_is_a_status(asked, end):
    """A header may look like one; and trailers behind an empty body are neither status nor headers."""
    answer = asked(URL)
    answer.lines += [line + end for line in (b"HTTP/1.1 103 Hints", b"Link: x", b"", b"HTTP/1.1 404 No", b"X: y")]
    answer.lines.append(b"HTTP/1.1 200 OK" + end)
    assert not answer.has_headers
    answer.lines += [end, b"X-Sum: 1" + end, b"HTTP/1.1 200 OK" + end, end]
    assert answer.has_headers
    answer.begin()
    assert (answer.status, answer.headers.get("x"), "x-sum" in answer.headers) == (404, "y", False)


def test_interim_answers_alone_are_no_answer(asked):
    """However many; and one of which the end has not come is none yet."""
    answer = with_headers(with_headers(asked(URL), status=100), status=103)
    assert not answer.has_headers
    answer.lines += [b"HTTP/1.1 200 OK\r\n"]
    assert not answer.has_headers
    answer.lines += [b"\r\n"]
    assert answer.has_headers


class Watched(list):
    """Lines that count how often one of them is looked at, or copied."""

    looks = 0

    def _looked(self, items):
        for item in items:
            self.looks += 1
            yield item

    def __iter__(self):
        return self._looked(super().__iter__())

    def __reversed__(self):
        return self._looked(super().__reversed__())

    def __contains__(self, wanted):
        return any(item == wanted for item in self)

    def __getitem__(self, place):
        found = super().__getitem__(place)
        self.looks += len(found) if isinstance(place, slice) else 1
        return found

    def count(self, wanted):
        return sum(item == wanted for item in self)

    def index(self, wanted, start=0):
        return next(place for place in range(start, len(self)) if self[place] == wanted)


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_lines_are_looked_at_a_few_times_however_many_there_are(asked, end):
    """The work grows with the number of interim answers, and not with its square."""
    for interim in (10, 100, MAX_INTERIM):
        answer = asked(URL)
        answer.lines = Watched([b"HTTP/1.1 103 Hints" + end, end] * interim)
        answer.lines += [b"HTTP/1.1 200 OK" + end, b"X: y" + end, end]
        assert answer.has_headers
        answer.begin()
        assert (answer.status, answer.headers) == (200, {"x": "y"})
        assert answer.lines.looks <= 8 * len(answer.lines)


def test_more_interim_answers_than_are_taken(asked):
    """Both with an answer behind them and without."""
    answer = asked(URL)
    answer.lines += [b"HTTP/1.1 103 Hints\r\n", b"\r\n"] * (MAX_INTERIM + 1)
    with pytest.raises(ProtocolError, match="found: 1,001 interim responses") as error:
        bool(answer.has_headers)
    answer.lines += [b"HTTP/1.1 200 OK\r\n", b"\r\n"]
    with pytest.raises(ProtocolError) as again:
        answer.begin()
    assert again.value == error.value


@pytest.mark.parametrize("lines", [[], [b"X: y\r\n", b"\r\n"], [b"HTTP/1.1 ?\r\n", b"\r\n"]])
def test_an_answer_without_a_status(asked, lines):
    """Libcurl lets none pass; were there one, it would be no answer."""
    answer = asked(URL)
    answer.lines += lines
    with pytest.raises(ProtocolError):
        answer.begin()


HEADERS = [b"content-range", b"content-length", b"content-encoding", b"etag", b"location", b"retry-after", b"x"]
VALUES = st.binary() | st.from_regex(rb"bytes [0-9\xb2*]{1,30}-[0-9\xb2]{0,30}/[0-9*\xb2]{1,30}", fullmatch=True)


@given(
    status=st.sampled_from([b"200", b"206", b"304", b"302", b"416", b"503", b"999", b"000"]),
    headers=st.lists(st.tuples(st.sampled_from(HEADERS), VALUES | st.sampled_from([b"http://[", b"http://h:99999/"]))),
    part=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_header_is_more_than_an_error_of_its_item(asked, resumed, status, headers, part):
    """Whatever a server writes, the others go on."""
    answer = resumed() if part else asked(URL, etag='"1"')
    answer.lines += [b"HTTP/1.1 %b X\r\n" % status, *(b"%b: %b\r\n" % header for header in headers), b"\r\n"]
    with suppress(ItemError):
        answer.begin()
        answer.take(b"some bytes")
        answer.end()
    answer.give_up(for_good=True)
    if answer.transfer.body is not None:
        answer.transfer.sink.discard(answer.transfer.body)


def test_headers_that_did_not_come_to_their_end(asked):
    """Then there is nothing to begin with."""
    answer = asked(URL)
    assert not answer.has_headers
    answer.lines.append(b"HTTP/1.1 200 OK\r\n")
    assert not answer.has_headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_where_it_sends_on_to(asked, status):
    """As seen from where it was asked; without a Location it is a status like others."""
    answer = with_headers(asked(URL), "Location:  ../b ", status=status)
    answer.begin()
    assert answer.end().url == "http://h/b"
    bare = with_headers(asked(URL), status=status)
    bare.begin()
    with pytest.raises(HttpStatusError):
        bare.end()


def test_nothing_changed_only_for_those_who_asked(asked):
    """Otherwise a 304 brings nothing, and is an error."""
    answer = with_headers(asked(URL, etag='"1"'), status=304)
    answer.begin()
    assert (answer.end(), answer.body) == (None, None)
    unasked = with_headers(asked(URL), status=304)
    unasked.begin()
    with pytest.raises(HttpStatusError) as error:
        unasked.end()
    assert error.value.status == 304


def test_a_body_that_nobody_wants(asked):
    """A little of it is read, so that the connection can go on, and no more."""
    answer = with_headers(asked(URL), "Retry-After: 7", status=503)
    answer.take(bytes(64 * 1024))
    assert not answer.is_unwanted
    answer.take(b"x")
    assert answer.is_unwanted
    with pytest.raises(HttpStatusError) as error:
        answer.end()
    assert error.value == HttpStatusError(URL, 503, 7.0)


def test_the_largest_size(asked):
    """What is promised is judged before it comes, what comes before it is kept, and after it was decoded."""
    with pytest.raises(TooLargeError):
        with_headers(asked(URL, max_bytes=10), "Content-Length: 11").begin()
    answer = with_headers(asked(URL, max_bytes=10))
    answer.take(bytes(10))
    with pytest.raises(TooLargeError):
        answer.take(b"x")
    packed = with_headers(asked(URL, max_bytes=10), "Content-Encoding: gzip")
    with pytest.raises(TooLargeError):
        packed.take(gzip.compress(bytes(11)))


@pytest.mark.parametrize("sent", [gzip.compress(b"fine")[:-1], b"not gzip"])
def test_a_body_that_does_not_keep_to_its_encoding(asked, sent):
    """Cut, or something else: it is not what the server meant."""

    def whole():
        answer = with_headers(asked(URL), "Content-Encoding: GZIP")
        answer.begin()
        answer.take(sent)
        answer.end()

    with pytest.raises(ContentEncodingError) as error:
        whole()
    assert error.value == ContentEncodingError(URL, "gzip")


@pytest.fixture
def resumed(asked, file_sink, note):
    """An answer to who asks for the rest of a file of which there is a part."""

    def make(**limits):
        answer = asked(URL, **limits)
        body = file_sink.body()
        body.write(bytes(WORTH_RESUMING))
        body.note(note)
        answer.transfer.body = body
        return answer

    return make


RIGHT = f"Content-Range: bytes {WORTH_RESUMING}-{3 * WORTH_RESUMING - 1}/{3 * WORTH_RESUMING}"


def test_a_part_is_put_behind_what_is_there(resumed):
    """It is whole when it has the size that its server once named."""
    answer = with_headers(resumed(), RIGHT, 'ETag: "v1"', f"Content-Length: {2 * WORTH_RESUMING}", status=206)
    answer.take(bytes(WORTH_RESUMING))
    with pytest.raises(TruncatedBodyError) as error:
        answer.end()
    assert error.value == TruncatedBodyError(URL, 3 * WORTH_RESUMING, 2 * WORTH_RESUMING)
    answer.take(bytes(WORTH_RESUMING))
    assert (answer.end(), answer.body.size, answer.transfer.body) == (None, 3 * WORTH_RESUMING, None)
    assert answer.headers["content-length"] == str(3 * WORTH_RESUMING)
    answer.give_up(for_good=True)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [RIGHT.replace("bytes 1048576", "bytes 1048577")],
        [RIGHT.replace("bytes 1048576", "bytes 0")],
        [RIGHT.replace("bytes ", "lines ")],
        [RIGHT.replace("/3145728", "/3145729")],
        [RIGHT, 'ETag: "v2"'],
        [RIGHT, "Content-Encoding: gzip"],
        [RIGHT, "Content-Length: 5"],
        ["Content-Range: bytes */3145728"],
        ["Content-Range: bytes x-y/z"],
    ],
)
def test_a_part_that_does_not_fit(resumed, lines):
    """It is not put behind what is there, which stays for whoever asks for all of it."""
    answer = with_headers(resumed(), *lines, status=206)
    with pytest.raises(UnfitPartError):
        answer.begin()
    answer.give_up(for_good=False)
    assert answer.transfer.body.size == WORTH_RESUMING
    answer.transfer.sink.discard(answer.transfer.body)


def test_the_whole_in_answer_to_a_part(resumed):
    """It has changed, or the server knows no parts: what was there goes."""
    answer = with_headers(resumed(), 'ETag: "v2"')
    answer.take(b"all of it")
    assert (answer.end(), answer.body.content(), answer.transfer.body) == (None, b"all of it", None)


def test_what_can_be_resumed_goes_back_to_its_errand(asked):
    """With 1 MiB at least and a strong ETag, and not for good; all else is given up."""
    cases = {'"v1"': True, 'W/"v1"': False, "v1": False, '"ü"': False}
    for etag, kept in cases.items():
        answer = with_headers(asked(URL), f"ETag: {etag}")
        answer.take(bytes(WORTH_RESUMING))
        answer.give_up(for_good=False)
        assert (answer.transfer.body is not None) is kept, etag
        if kept:
            assert answer.transfer.part.expected is None
            answer.transfer.sink.discard(answer.transfer.body)
    small = with_headers(asked(URL), 'ETag: "v1"')
    small.take(bytes(WORTH_RESUMING - 1))
    small.give_up(for_good=False)
    given_up = with_headers(asked(URL), 'ETag: "v1"')
    given_up.take(bytes(WORTH_RESUMING))
    given_up.give_up(for_good=True)
    assert (small.transfer.body, given_up.transfer.body) == (None, None)


NOTE = ResumeInfo("s", "http://h/a", "digest", '"v1"', 0, "", 100)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-range": "bytes 40-99/100"},
        {"content-range": "bytes 40-99/*"},
        {"content-range": "BYTES 40-99/100", "content-length": "60", "etag": '"v1"', "content-encoding": "identity"},
        {"content-range": "bytes 40-59/100", "content-length": "20"},
    ],
)
def test_a_part_that_fits(headers):
    """It begins where it was asked for, and nothing says that it is of a different version."""
    check_part("http://h/a", headers, NOTE, 40)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-range": "bytes 41-99/100"},
        {"content-range": "bytes 39-99/100"},
        {"content-range": "items 40-99/100"},
        {"content-range": "bytes */100"},
        {"content-range": "bytes 40-99/101"},
        {"content-range": "bytes 40-99/100", "content-length": "59"},
        {"content-range": "bytes 40-99/100", "etag": '"v2"'},
        {"content-range": "bytes 40-99/100", "content-encoding": "gzip"},
    ],
)
def test_headers_of_a_part_that_does_not_fit(headers):
    """The error has what the server said of it."""
    with pytest.raises(UnfitPartError, match="continue the body at byte 40") as error:
        check_part("http://h/a", headers, NOTE, 40)
    assert headers.get("content-range", "no Content-Range") in str(error.value)
