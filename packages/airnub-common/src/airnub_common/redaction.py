"""Redaction: credentials and signatures in URLs never reach a log, a manifest, an artifact or a database."""

import re
from urllib.parse import quote, unquote_plus, urlsplit, urlunsplit

MASK = "***"

# Parameters that carry secrets: OAuth and API keys, and the presigned URLs of S3, Azure, Google and CloudFront.
_SECRET_PARAMETER = re.compile(
    r"(.*(token|secret|passw(or)?d|passphrase|signature|credential|api[-_]?key|access[-_]?key|session[-_]?id|cookie).*"
    r"|(.*[-_])?auth(orization)?([-_].*)?|(.*[-_])?key([-_]?id)?|subscription[-_]?key|sig|pwd|pass|jwt|hmac|key-pair-id|policy|app[-_]?id)",
    re.IGNORECASE,
)
_URL_IN_TEXT = re.compile(r"[a-z][a-z0-9+.-]*://[^\s<>\"'`]+", re.IGNORECASE)
_TRAILING_PUNCTUATION = ".,;:!?)]}"


def redact_url(url: str) -> str:
    """The URL with user, password and the values of secret parameters replaced by `***`; all else is unchanged.

    A user alone is masked too: tokens are often written in its place. What cannot be parsed as a URL is masked from
    its scheme on, since nobody can say where a secret stands in it.
    """
    # Without any of these no part of a URL is there that is masked, and one is redacted several times for every file.
    if url.isascii() and "@" not in url and "?" not in url and "#" not in url and "[" not in url and "]" not in url:
        return url
    return _redacted(url)


def _redacted(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{url.partition('://')[0]}://{MASK}"
    credentials, at, host = parts.netloc.rpartition("@")
    netloc = f"{MASK}@{host}" if at and credentials else parts.netloc
    query, fragment = _redact_parameters(parts.query), _redact_parameters(parts.fragment)
    if (netloc, query, fragment) == (parts.netloc, parts.query, parts.fragment):
        return url
    return urlunsplit((parts.scheme, netloc, parts.path, query, fragment))


def is_secret_name(name: str) -> bool:
    """Whether a parameter or a header of this name usually carries a secret."""
    return _SECRET_PARAMETER.fullmatch(name) is not None


def redact_text(text: str) -> str:
    """The text with every URL in it redacted."""
    return _URL_IN_TEXT.sub(_redact_match, text)


def _redact_match(match: re.Match[str]) -> str:
    url = match.group()
    bare = url.rstrip(_TRAILING_PUNCTUATION)
    return redact_url(bare) + url[len(bare) :]


def _redact_parameters(query: str) -> str:
    return "&".join(map(_redact_parameter, query.split("&"))) if query else query


def _redact_parameter(parameter: str) -> str:
    # Some servers take `;` for `&`; behind a secret nobody can say whether it still belongs to it.
    pieces = parameter.split(";")
    for place, piece in enumerate(pieces):
        name, equals, value = piece.partition("=")
        if equals and (value or pieces[place + 1 :]) and is_secret_name(unquote_plus(name)):
            return ";".join([*pieces[:place], f"{name}={quote(MASK, safe='*')}"])
    return parameter
