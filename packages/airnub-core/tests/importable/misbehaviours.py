"""What a `MisbehavingServer` does to those who ask, by the name that stands in the URL.

The files that it serves are of random bytes, the same for the same `size` and `seed`.
"""

import gzip
import random
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache

import brotli
import zstandard

OK = b"HTTP/1.1 200 OK\r\n"
PIECE = 65536


@cache
def content(size, seed=0):
    """A file."""
    return random.Random(seed).randbytes(size)


# --- a server as it should be


def whole(talk, size, seed=0, etag='"v1"', **_unused):
    """A file; ranges of it are served."""
    _ranged(talk, content(size, seed), {"ETag": etag} if etag else {})


def held(talk, until, size=100, seed=0):
    """A file that is only handed out when so many are asked for at once."""
    status = 200 if talk.server.busy.reached(until) else 404
    talk.pause(0.02)
    talk.answer(status, body=content(size, seed + talk.asked.connection))


def told(talk, text="fine"):
    """A text, and with it what the server was told."""
    talk.answer(body=str(text).encode())


def _ranged(talk, body, headers):
    start, etag = talk.asked.start, headers.get("ETag")
    if start is None or talk.asked.headers.get("if-range", etag) != etag:
        if etag and talk.asked.headers.get("if-none-match") == etag:
            talk.answer(304, headers)
            return
        talk.answer(200, headers | {"Accept-Ranges": "bytes"}, body)
    elif start >= len(body):
        talk.answer(416, {"Content-Range": f"bytes */{len(body)}"})
    else:
        where = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
        talk.answer(206, headers | where, body[start:])


# --- slow


def drip(talk, size, pause_ms=50, piece=1):
    """A file, in small pieces with pauses."""
    talk.head(200, {"Content-Length": size})
    body = content(size)
    for start in range(0, size, piece):
        talk.pause(pause_ms / 1000)
        talk.send(body[start : start + piece])


def drip_headers(talk, pause_ms=20):
    """Headers, letter by letter and without an end."""
    talk.send(OK)
    while not talk.server.over.wait(pause_ms / 1000):
        talk.send(b"X-Slow: 1\r\n")


def stall(talk, size=0):
    """Nothing at all."""
    talk.stall()


def stall_in_headers(talk, size=0):
    """Some headers."""
    talk.send(OK + b"Content-Length: 5\r\n")
    talk.stall()


def stall_in_body(talk, size, sent):
    """The start of a file."""
    talk.head(200, {"Content-Length": size, "ETag": '"v1"'})
    talk.send(content(size)[:sent])
    talk.stall()


# --- lengths that lie


def short(talk, size, sent, etag=None):
    """Less than it says."""
    talk.head(200, {"Content-Length": size} | ({"ETag": etag} if etag else {}))
    talk.send(content(size)[:sent])


def short_chunked(talk, sent):
    """A chunked answer without its end."""
    talk.head(200, {"Transfer-Encoding": "chunked"})
    talk.send(b"%x\r\n" % (sent + 1), content(sent))


def smuggled(talk, text="evil"):
    """More than it says, and the rest looks like the next answer."""
    extra = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}"
    talk.send(OK + b"Content-Length: 5\r\n\r\nhello" + extra.encode())
    talk.goes_on = True


def long(talk):
    """More than it says."""
    talk.send(OK + b"Content-Length: 5\r\n\r\nhello world")


def lengths(talk, first, second, name="Content-Length"):
    """Two lengths; the body has five bytes."""
    talk.head(200, [("Content-Length", first), (name, second)])
    talk.send(b"hello")


def promise(talk, size):
    """Headers that promise much."""
    talk.head(200, {"Content-Length": size})
    talk.stall()


# --- without an end


def endless(talk):
    """A body without length or end."""
    talk.head(200)
    while True:
        talk.send(bytes(PIECE))


def endless_chunked(talk):
    """Chunks without an end."""
    talk.head(200, {"Transfer-Encoding": "chunked"})
    while True:
        talk.send(b"%x\r\n" % PIECE, bytes(PIECE), b"\r\n")


def endless_trailers(talk):
    """A body that ends, and trailers that do not."""
    talk.head(200, {"Transfer-Encoding": "chunked"})
    talk.send(b"5\r\nhello\r\n0\r\n")
    while True:
        talk.send(b"X-More: " + b"x" * 1000 + b"\r\n")


def endless_chunk_extension(talk):
    """A chunk whose first line does not end."""
    talk.head(200, {"Transfer-Encoding": "chunked"})
    talk.send(b"5;")
    while True:
        talk.send(b"x" * 1000)


def endless_headers(talk):
    """Headers without an end."""
    talk.send(OK)
    while True:
        talk.send(b"X-More: " + b"x" * 1000 + b"\r\n")


def endless_small_headers(talk):
    """Very many of them."""
    talk.send(OK)
    while True:
        talk.send(b"X:\r\n" * 1000)


def huge_header(talk, size):
    """One large header."""
    talk.head(200, {"X-Huge": "x" * size, "Content-Length": 5})
    talk.send(b"hello")


def endless_status(talk):
    """A first line that does not end."""
    talk.send(b"HTTP/1.1 200 ")
    while True:
        talk.send(b"x" * 1000)


def endless_informational(talk):
    """One answer before the answer after the other."""
    while True:
        talk.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        talk.pause(0.001)


def hints(talk, count, size=100):
    """So many interim answers as fast as they can be sent, and then the answer; or no end, where it is 0."""
    hint = b"HTTP/1.1 103 \r\n\r\n"
    while not count:
        talk.send(hint * 1000)
    talk.send(hint * count)
    talk.answer(body=content(size))


# --- Content-Encoding

_COMPRESS = {
    "gzip": lambda body: gzip.compress(body, 1),
    "x-gzip": lambda body: gzip.compress(body, 1),
    "deflate": lambda body: zlib.compress(body, 1),
    "br": lambda body: brotli.compress(body, quality=1),
    "zstd": zstandard.compress,
}


@cache
def compressed(encoding, body):
    """Bytes in an encoding, or in several separated by commas, the last outside."""
    for one in encoding.split(","):
        body = _COMPRESS[one.strip()](body)
    return body


def bomb(talk, encoding, size):
    """Nothing but zeros, very small."""
    talk.answer(200, {"Content-Encoding": encoding}, compressed(encoding, bytes(size)))


def encoded(talk, encoding, size, sent=None):
    """A file in an encoding, or only its first bytes, with a length that fits."""
    talk.answer(200, {"Content-Encoding": encoding}, compressed(encoding, content(size))[:sent])


def misnamed(talk, encoding):
    """Bytes that are not of their encoding."""
    talk.answer(200, {"Content-Encoding": encoding}, b"\xff nothing of the kind " * 10)


# --- redirects


def redirect(talk, to="", status=302, cookie=None, **_unused):
    """Somewhere else."""
    talk.answer(status, {"Location": to} | ({"Set-Cookie": cookie} if cookie else {}))


def redirect_loop(talk, size=0):
    """To itself."""
    talk.answer(302, {"Location": talk.asked.target})


def redirect_chain(talk, left, status=302):
    """So many redirects, and then a file."""
    if left:
        talk.answer(status, {"Location": f"redirect_chain?left={left - 1}&status={status}"})
    else:
        talk.answer(body=content(100))


# --- statuses


def status(talk, code, retry_after=None):
    """An answer without a file."""
    talk.answer(code, {} if retry_after is None else {"Retry-After": retry_after}, b"no file")


def busy(talk, code, seconds, form="seconds", size=100):
    """Asks to come back later, once."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    if talk.number == 1:
        talk.answer(code, {"Retry-After": seconds if form == "seconds" else later})
    else:
        talk.answer(body=content(size))


def unasked_304(talk):
    """Nothing changed, it says to one who knows nothing."""
    talk.answer(304, {"ETag": '"v1"'})


def healing(talk, first, times=1, size=100, **parameters):
    """Another behaviour at first, and then a file."""
    if talk.number <= times:
        talk.server.behaviours[first](talk, size=size, **parameters)
    else:
        talk.answer(body=content(size))


def informational(talk, size=100):
    """Answers before the answer, with headers of their own."""
    talk.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    talk.send(b'HTTP/1.1 103 Early Hints\r\nETag: "hint"\r\nContent-Disposition: attachment; filename=hint\r\n\r\n')
    talk.answer(200, {"ETag": '"v1"'}, content(size))


# --- connections that break


def reset(talk, size=0):
    """No answer."""
    talk.reset()


def reset_in_headers(talk, size=0):
    """Half an answer."""
    talk.send(OK + b"Content-Le")
    talk.pause(0.05)
    talk.reset()


def reset_in_body(talk, size=100, sent=50):
    """Half a file."""
    talk.head(200, {"Content-Length": size})
    talk.send(content(size)[:sent])
    talk.pause(0.05)
    talk.reset()


def close(talk, size=0):
    """No answer, politely."""


def raw(talk, name):
    """Bytes that are no HTTP, by their name."""
    talk.send(NO_HTTP[name])


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
NO_HTTP = {
    "http-0.9": b"all of it",
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "zeros": bytes(100),
    "unknown-version": b"HTTP/7.3 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "status-of-letters": b"HTTP/1.1 abc OK\r\nContent-Length: 5\r\n\r\nhello",
    "status-of-two-digits": b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello",
    "no-colon": OK + b"no colon\r\nContent-Length: 5\r\n\r\nhello",
    "nul": OK + b"X: a\0b\r\nContent-Length: 5\r\n\r\nhello",
    "length-of-letters": OK + b"Content-Length: five\r\n\r\nhello",
    "negative-length": OK + b"Content-Length: -5\r\n\r\nhello",
    "signed-length": OK + b"Content-Length: +5\r\n\r\nhello",
    "hexadecimal-length": OK + b"Content-Length: 0x5\r\n\r\nhello",
    "length-without-end": OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nhello",
    "two-lengths-in-one": OK + b"Content-Length: 5, 6\r\n\r\nhello",
    "chunk-of-letters": CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n",
    "chunk-without-size": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "chunk-longer-than-said": CHUNKED + b"5\r\nhelloXX5\r\nworld\r\n0\r\n\r\n",
    "chunk-of-negative-size": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-too-large": CHUNKED + b"F" * 30 + b"\r\nhello\r\n0\r\n\r\n",
    "unknown-transfer-encoding": OK + b"Transfer-Encoding: magic\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
}


def both_lengths(talk):
    """Chunked, and a Content-Length that says otherwise: the chunks count (RFC 9112, 6.3)."""
    talk.head(200, [("Content-Length", 3), ("Transfer-Encoding", "chunked")])
    talk.send(b"5\r\nhello\r\n0\r\n\r\n")


def until_close(talk, size=100):
    """No length: the end of the connection is the end of the file."""
    talk.send(b"HTTP/1.0 200 OK\r\n\r\n", content(size))


# --- files that change, and transfers that are cut


def changing(talk, size=100):
    """Another file each time."""
    talk.answer(200, {"ETag": f'"v{talk.number}"'}, content(size, talk.number))


def cut(talk, size, sent, then="right", etag='"v1"', times=1, chunked=0, modified=None):
    """The start of a file, so many times; who asks for the rest gets it `then` in some way, and who asks for all of
    it, all.
    """
    body, start = content(size), talk.asked.start
    headers = ({"ETag": etag} if etag else {}) | ({"Last-Modified": modified} if modified else {})
    if talk.number <= times:
        rest = body[start or 0 :]
        where = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
        length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": len(rest)}
        talk.head(206 if start else 200, headers | where | length)
        talk.send(*([b"%x\r\n" % len(rest)] if chunked else []), rest[:sent])
    elif start is None:
        talk.answer(200, headers, content(size, 1) if then == "changed" else body)
    else:
        _CONTINUE[then](talk, body, headers, start)


def _part(talk, body, headers, first, last, *, size=None):
    """Bytes from `first` to `last`, both included, and the truth about them."""
    where = {"Content-Range": f"bytes {first}-{last}/{size or len(body)}"}
    talk.answer(206, headers | where, body[first : last + 1])


def _changed(talk, body, headers, start):
    """The whole of another file, as is right where If-Range does not hold any more."""
    talk.answer(200, headers | {"ETag": '"v2"'}, content(len(body), 1))


def _changed_unnoticed(talk, body, headers, start):
    _part(talk, content(len(body), 1), headers | {"ETag": '"v2"'}, start, len(body) - 1)


def _all(talk, body, headers, start):
    talk.answer(200, headers, body)


def _all_as_part(talk, body, headers, start):
    _part(talk, body, headers, 0, len(body) - 1)


def _all_named_part(talk, body, headers, start):
    talk.answer(206, headers | {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}, body)


def _later(talk, body, headers, start):
    _part(talk, body, headers, start + 1, len(body) - 1)


def _earlier(talk, body, headers, start):
    _part(talk, body, headers, start - 1, len(body) - 1)


def _at_most_a_mebibyte(talk, body, headers, start):
    """Less than was asked for, as a server may (RFC 9110, 14.2)."""
    _part(talk, body, headers, start, min(start + 1024 * 1024, len(body)) - 1)


def _other_size(talk, body, headers, start):
    _part(talk, body, headers, start, len(body) - 1, size=len(body) + 1000)


def _larger(talk, body, headers, start):
    """The file has grown, and its ETag has not noticed."""
    grown = body + b"more"
    _part(talk, grown, headers, start, len(grown) - 1)


def _saying(value):
    def answer(talk, body, headers, start):
        talk.answer(
            206, headers | ({"Content-Range": value.format(start, len(body) - 1)} if value else {}), body[start:]
        )

    return answer


def _multipart(talk, body, headers, start):
    where = f"Content-Range: bytes {start}-{len(body) - 1}/{len(body)}\r\n\r\n".encode()
    parts = b"\r\n--edge\r\nContent-Type: text/plain\r\n" + where + body[start:] + b"\r\n--edge--\r\n"
    talk.answer(206, headers | {"Content-Type": "multipart/byteranges; boundary=edge"}, parts)


def _not_satisfiable(talk, body, headers, start):
    talk.answer(416, {"Content-Range": f"bytes */{len(body)}"})


def _gone(talk, body, headers, start):
    talk.answer(404)


def _packed(talk, body, headers, start):
    where = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}", "Content-Encoding": "gzip"}
    talk.answer(206, headers | where, gzip.compress(body[start:], 1))


def _unchanged(talk, body, headers, start):
    talk.answer(304, headers)


def _without_etag(talk, body, headers, start):
    _part(talk, body, {}, start, len(body) - 1)


_CONTINUE = {
    "right": lambda talk, body, headers, _start: _ranged(talk, body, headers),
    "changed": _changed,
    "changed-unnoticed": _changed_unnoticed,
    "all": _all,
    "all-as-part": _all_as_part,
    "all-named-part": _all_named_part,
    "later": _later,
    "earlier": _earlier,
    "at-most-a-mebibyte": _at_most_a_mebibyte,
    "other-size": _other_size,
    "larger": _larger,
    "no-content-range": _saying(""),
    "no-size": _saying("bytes {}-{}/*"),
    "other-unit": _saying("items {}-{}/*"),
    "garbage": _saying("bytes of some kind"),
    "multipart": _multipart,
    "not-satisfiable": _not_satisfiable,
    "gone": _gone,
    "packed": _packed,
    "unchanged": _unchanged,
    "without-etag": _without_etag,
}

BEHAVIOURS = {
    behave.__name__: behave
    for behave in (
        *(whole, held, told, drip, drip_headers, stall, stall_in_headers, stall_in_body),
        *(short, short_chunked, smuggled, long, lengths, promise, both_lengths, until_close),
        *(endless, endless_chunked, endless_trailers, endless_chunk_extension, endless_headers, endless_small_headers),
        *(huge_header, endless_status, endless_informational, hints, bomb, encoded, misnamed),
        *(redirect, redirect_loop, redirect_chain, status, busy, unasked_304, healing, informational),
        *(reset, reset_in_headers, reset_in_body, close, raw, changing, cut),
    )
}


def bad_urls(server):
    """One URL for each way in which a file cannot come, however often it is asked for."""
    named = [
        *("stall", "stall_in_headers", "endless", "endless_chunked", "endless_trailers", "endless_chunk_extension"),
        *("endless_headers", "endless_small_headers", "endless_status", "endless_informational", "drip_headers"),
        *("redirect_loop", "unasked_304", "reset", "reset_in_headers", "reset_in_body", "close"),
    ]
    with_parameters = [
        ("stall_in_body", {"size": 1000, "sent": 500}),
        ("short", {"size": 48219, "sent": 17}),
        ("short", {"size": 4_000_000, "sent": 3_000_000}),
        ("short_chunked", {"sent": 5}),
        ("lengths", {"first": 5, "second": 10}),
        ("promise", {"size": 10**15}),
        ("huge_header", {"size": 1024 * 1024}),
        ("hints", {"count": 15000}),
        ("hints", {"count": 0}),
        ("redirect_chain", {"left": 11}),
        ("redirect", {"to": "file:///etc/passwd"}),
        ("redirect", {"to": "ftp://127.0.0.1/x"}),
        *(("status", {"code": code}) for code in (204, 206, 404, 429, 500, 503)),
        *(("bomb", {"encoding": encoding, "size": 32 * 1024 * 1024}) for encoding in ("gzip", "br", "zstd")),
        *(("misnamed", {"encoding": encoding}) for encoding in ("gzip", "br", "zstd", "secret-sauce")),
        *(("raw", {"name": name}) for name in NO_HTTP),
    ]
    return [*map(server.url, named), *(server.url(name, **parameters) for name, parameters in with_parameters)]
