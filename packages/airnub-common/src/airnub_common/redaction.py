"""Redaction: keep credentials, sessions and signatures in URLs out of logs, manifests, artifacts and databases."""

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote_plus, urlsplit, urlunsplit

MASK = "***"

# Parameters that carry secrets: OAuth and API keys, and the presigned URLs of S3, Azure, Google and CloudFront.
_SECRET_NAME = re.compile(
    r"(.*(token|secret|passw(or)?d|passphrase|signature|credential|api[-_]?key|access[-_]?key|session[-_]?id|cookie).*"
    r"|(.*[-_])?auth(orization)?([-_].*)?|(.*[-_])?key([-_]?id)?|subscription[-_]?key|sig|pwd|pass|jwt|hmac|key-pair-id|policy|app[-_]?id)",
    re.IGNORECASE | re.DOTALL,
)
# Parameters that are a secret in some URLs and a plain value in others: with a session, an OAuth code, a single sign-on
# ticket, a one-time password or a CDN signature a URL can be used again. A masked country code costs little, since a
# URL is identified by its digest. `state` and `nonce` of OAuth are useless on their own and are not masked.
_MASKED_NAME = re.compile(
    r"(.*sess(ion)?[-_.]?(id|key|hash).*|(.*[-_.])?sess(ion)?|(.*[-_.])?sid|oscsid|cfid|zenid"
    r"|((access|authorization|device|verification|login|invite|one[-_]?time)[-_]?)?code|code[-_]?verifier|oauth[-_].*"
    r"|t?otp|ticket|assertion|saml(response|request|art)|(.*[-_])?[cx]srf([-_].*)?|bearer|pw|sign|hdn(ts|ea|tl))",
    re.IGNORECASE | re.DOTALL,
)
_MARK = re.compile(r"[@?#\[\];]|%(?:3|4|25)")
"""A URL or path without any of these characters contains nothing to mask; `%` may encode them."""
_MAY_HIDE = re.compile(r"[%?&;#]|://")
# The length of the scheme is limited, since the search restarts at each letter of a long word.
_URL_IN_TEXT = re.compile(r"([\"'`(<\[{]?)([a-z][a-z0-9+.-]{0,30}://\S+)", re.IGNORECASE | re.ASCII)
_CLOSING = {"(": ")", "<": ">", "[": "]", "{": "}"}
_PUNCTUATION = frozenset(".,;:!?)]}>\"'`")
_CREDENTIALS = re.compile(r"://[^/?#]*@")
_CREDENTIALS_IN_PATH = re.compile(r"(^//|:/{1,3})[^/]*@")
_PARAMETER = re.compile(r"[?&;#]([^?&;#=]*)=(?=.)", re.DOTALL)
_SEGMENT = re.compile(r"[^/]+")
_IN_SEGMENT = re.compile(r"(;|%3b)", re.IGNORECASE), re.compile(r"(=|%3d)", re.IGNORECASE)
"""Separators of the parameters in a path segment, and of name and value."""
_IN_QUERY = re.compile(r"([;?])"), re.compile(r"(=)")
"""Separators within the parts of a query between `&`: some servers accept `;` for `&`, and `?` may be part of a
value."""
_MOST_ENCODINGS = 3
"""Maximum number of levels of percent-encoding that are decoded to find a URL in a parameter."""


def redact_url(url: str) -> str:
    """Return the URL with user, password and the values of secret parameters replaced by `***`, otherwise unchanged.

    Parameters are searched in the query, in the fragment, in path segments (`;jsessionid=`), and in URLs nested in one
    of these. A user without a password is masked too, since it often is a token. Text that cannot be parsed as a URL is
    masked after its scheme, since the position of a secret in it is unknown.
    """
    # Nearly all URLs have none of these, and one is redacted several times for every file: a regular expression would
    # take seven times as long.
    if url.isascii() and not (
        "@" in url or "?" in url or "#" in url or ";" in url or "[" in url or "]" in url or "%" in url
    ):
        return url
    return _redacted(url)


def is_secret_name(name: str) -> bool:
    """Return whether a parameter or header of this name usually contains a secret."""
    return _SECRET_NAME.fullmatch(name) is not None


@lru_cache(1024)
def is_masked_name(name: str) -> bool:
    """Return whether `redact_url` masks a parameter of this name: it contains a secret, or may contain one (`code`).

    Each part of a name such as `auth[token]` is compared.
    """
    parts = (part.strip() for part in (name, *re.split(r"[\[\]]+", name)))
    return any(is_secret_name(part) or _MASKED_NAME.fullmatch(part) is not None for part in parts)


def redact_text(text: str) -> str:
    """Return the text with every URL in it redacted.

    A URL extends to the next white space. If its end is masked, a quote or comma behind it is masked too, since it may
    belong to the secret. Only if a quote or bracket is opened directly before the URL, the closing one is kept, with
    the punctuation after it.
    """
    return _URL_IN_TEXT.sub(_redact_match, text)


def _redact_match(match: re.Match[str]) -> str:
    opening, url = match.groups()
    end = url.rfind(_CLOSING.get(opening, opening)) if opening else -1
    if end < 0 or not _PUNCTUATION.issuperset(url[end:]):
        end = len(url)
    return opening + redact_url(url[:end]) + url[end:]


@lru_cache(256)  # the same file's URL is redacted again soon
def _redacted(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{url.partition('://')[0]}://{MASK}"
    credentials, at, host = parts.netloc.rpartition("@")
    behind_host = parts.path + parts.query + parts.fragment
    if not at and _has_odd_port(parts.netloc) and "@" in behind_host:
        return f"{parts.scheme}://{MASK}"  # most likely a password that contains a `/`
    netloc = f"{MASK}@{host}" if at and credentials else parts.netloc
    redacted = (netloc, _redact_path(parts.path), _redact_query(parts.query), _redact_query(parts.fragment))
    if redacted == (parts.netloc, parts.path, parts.query, parts.fragment):
        return url
    return urlunsplit((parts.scheme, *redacted))


def _has_odd_port(netloc: str) -> bool:
    _, colon, port = netloc.rpartition(":")
    return bool(colon and port) and not port.isdigit() and not netloc.endswith("]")


def _redact_path(path: str) -> str:
    if _MARK.search(path) is None:
        return path
    if "@" in path:
        path = _CREDENTIALS_IN_PATH.sub(rf"\1{MASK}@", path)
    return _SEGMENT.sub(lambda match: _redact_pieces(match.group(), *_IN_SEGMENT, is_named=False), path)


def _redact_query(query: str) -> str:
    return "&".join(_redact_pieces(one, *_IN_QUERY, is_named=True) for one in query.split("&")) if query else query


def _redact_pieces(text: str, between: re.Pattern[str], equals: re.Pattern[str], *, is_named: bool) -> str:
    """Mask the first secret parameter and everything after it, since the end of the secret is unknown.

    Args:
        text: parameters.
        between: separator of parameters.
        equals: separator of name and value.
        is_named: whether the first piece is a parameter too; in a path segment it is the segment's own name.
    """
    pieces = between.split(text)  # every second piece is a separator
    for place in range(0, len(pieces), 2):
        name, *value = equals.split(pieces[place], maxsplit=1)
        is_there = bool(value) and bool(value[1] or pieces[place + 1 :])
        is_secret = (place or is_named) and is_there and any(map(is_masked_name, _decodings(name)))
        if is_secret or _hides_secret(pieces[place]):
            is_shown = bool(value) and (is_secret or not _hides_secret(name))
            return "".join([*pieces[:place], name + value[0] if is_shown else "", MASK])
    return text


def _hides_secret(text: str) -> bool:
    """Return whether a parameter or segment contains a URL or parameters with a secret, percent-encoded or not."""
    return _MAY_HIDE.search(text) is not None and any(
        _CREDENTIALS.search(decoded) is not None or any(map(is_masked_name, _PARAMETER.findall(decoded)))
        for decoded in _decodings(text)
    )


def _decodings(text: str) -> Iterator[str]:
    """Yield the text itself, and decoded once, twice, …"""
    yield text
    if "%" not in text and "+" not in text:
        return
    for _ in range(_MOST_ENCODINGS):
        decoded = unquote_plus(text)
        if decoded == text:
            return
        text = decoded
        yield text
