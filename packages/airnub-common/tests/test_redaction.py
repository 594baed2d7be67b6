"""Redaction."""

from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airnub_common import MASK, is_masked_name, is_secret_name, redact_text, redact_url
from airnub_common.redaction import _redacted

SECRET_NAMES = st.sampled_from(
    [
        "token",
        "access_token",
        "api_key",
        "apikey",
        "X-Amz-Signature",
        "X-Amz-Credential",
        "sig",
        "password",
        "pwd",
        "key",
        "client_secret",
        "Authorization",
        "jwt",
        "sessionid",
        "Key-Pair-Id",
        "Policy",
        "X-Goog-Signature",
        "appid",
        "code",
        "sid",
        "session",
        "PHPSESSID",
        "JSESSIONID",
        "oauth_verifier",
        "ticket",
        "connect.sid",
        "user[password]",
        "token[]",
    ]
)
HARMLESS_NAMES = st.sampled_from(
    ["page", "format", "q", "year", "author", "monkey", "offset", "tokyo", "state", "country_code"]
)
WORDS = st.text(st.characters(codec="utf-8"), max_size=8)
SECRETS = st.text("ghijkmnpqrvwxyz0123456789", min_size=12, max_size=30)
ANY_URL = st.text() | st.from_regex(r"[a-z]{0,5}:?/{0,2}[\[\]a-z.:@%;=&?#/\\-]*", fullmatch=True)
PLAIN_URL = st.text(st.characters(min_codepoint=0, max_codepoint=127, exclude_characters="@?#[];%"))


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://example.org/a?page=2", "https://example.org/a?page=2"),
        ("https://example.org/monkey?keyboard=1&tokyo=2", "https://example.org/monkey?keyboard=1&tokyo=2"),
        ("https://example.org/?author=smith&state=CA", "https://example.org/?author=smith&state=CA"),
        ("https://example.org/?code=4%2F0AX&state=xyz", "https://example.org/?code=***&state=xyz"),
        ("https://example.org/?sid=1f&PHPSESSID=2e&page=2", "https://example.org/?sid=***&PHPSESSID=***&page=2"),
        ("https://example.org/a;jsessionid=1F.n1?page=2", "https://example.org/a;jsessionid=***?page=2"),
        ("https://example.org/a;v=1;JSESSIONID=1F;w=2/b;c=d", "https://example.org/a;v=1;JSESSIONID=***/b;c=d"),
        ("https://example.org/a%3Bjsessionid%3D1F/b", "https://example.org/a%3Bjsessionid%3D***/b"),
        ("https://example.org/a;jsession%69d=1F", "https://example.org/a;jsession%69d=***"),
        ("https://example.org/a;v=1/token=2/session=3", "https://example.org/a;v=1/token=2/session=3"),
        ("https://example.org/a?b=1?token=abc", "https://example.org/a?b=1?token=***"),
        ("https://example.org/a?token=ab?cd;ef&b=1", "https://example.org/a?token=***&b=1"),
        ("https://example.org/#/cb?code=abc&b=1", "https://example.org/#/cb?code=***&b=1"),
        ("https://example.org/?%2574oken=abc", "https://example.org/?%2574oken=***"),
        ("https://example.org/?to%0Aken=abc", "https://example.org/?to%0Aken=abc"),
        ("https://example.org/?token%0A=abc", "https://example.org/?token%0A=***"),
        ("https://example.org/?next=%2Fcb%3Fcode%3Dabc&b=1", "https://example.org/?next=***&b=1"),
        ("https://example.org/?next=https%253A%252F%252Fme%253Apw%2540h", "https://example.org/?next=***"),
        ("https://example.org/?u=https://me:pw@h/&b=1", "https://example.org/?u=***&b=1"),
        ("https://example.org/web/https://me:pw@h/x", "https://example.org/web/https://***@h/x"),
        (
            "https://example.org/p/https%3A%2F%2Fh%2F%3Ftoken%3Dabc/x",
            "https://example.org/p/https%3A%2F%2Fh%2F%3Ftoken%3D***/x",
        ),
        ("https://example.org/p/https%3A%2F%2Fme%3Apw%40h/x", "https://example.org/p/***/x"),
        ("https://me:pa/ss@example.org/", "https://***"),
        ("https://example.org:80/@user", "https://example.org:80/@user"),
        ("https://example.org/?appid=abc&x_auth=b", "https://example.org/?appid=***&x_auth=***"),
        ("https://me:secret@example.org/", "https://***@example.org/"),
        ("https://ghp_token@example.org/", "https://***@example.org/"),
        ("https://example.org/?api_key=abc&x=1", "https://example.org/?api_key=***&x=1"),
        ("https://example.org/?access_token=abc", "https://example.org/?access_token=***"),
        ("https://example.org/?%74oken=abc", "https://example.org/?%74oken=***"),
        ("https://example.org/?a=1;token=abc;def&b=2;c=3", "https://example.org/?a=1;token=***&b=2;c=3"),
        ("https://example.org/?token=;abc", "https://example.org/?token=***"),
        ("https://example.org/?token=&token", "https://example.org/?token=&token"),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Credential=A%2F1&X-Amz-Date=20260101T000000Z&X-Amz-Signature=ff",
            "https://b.s3.amazonaws.com/k?X-Amz-Credential=***&X-Amz-Date=20260101T000000Z&X-Amz-Signature=***",
        ),
        ("https://x.blob.core.windows.net/k?sv=2024&sig=abc", "https://x.blob.core.windows.net/k?sv=2024&sig=***"),
        ("https://example.org/#access_token=abc", "https://example.org/#access_token=***"),
        ("postgresql://user:secret@db/airnub", "postgresql://***@db/airnub"),
        ("https://me:secret@[bad/", "https://***"),
    ],
)
def test_secrets_in_urls(url, redacted):
    """Credentials and signatures are masked; everything else is unchanged."""
    assert redact_url(url) == redacted


def test_urls_inside_text():
    """Every URL in a message is redacted, and the text around it is kept."""
    text = "GET https://a:b@example.org/x?sig=1 failed (see https://example.org/help)."
    assert redact_text(text) == "GET https://***@example.org/x?sig=*** failed (see https://example.org/help)."


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("https://h/?token=ab'cd", "https://h/?token=***"),
        ("https://h/?token=ab'cd found", "https://h/?token=*** found"),
        ("found 'https://h/?token=ab'cd', not", "found 'https://h/?token=***', not"),
        ('found "https://h/?token=ab"cd")', 'found "https://h/?token=***")'),
        ("(https://h/?token=ab)cd).", "(https://h/?token=***)."),
        ("<https://h/?token=ab>cd>", "<https://h/?token=***>"),
        ("at https://h/?token=ab,cd, then", "at https://h/?token=*** then"),
        ("at https://h/?token=ab`<>\\cd", "at https://h/?token=***"),
        ("'https://h/?token=ab'cd", "'https://h/?token=***"),
        ('{"url":"https://h/?token=ab","n":1}', '{"url":"https://h/?token=***'),
        ('["https://h","https://me:pw@g"]', '["https://h","https://***@g"]'),
        ("at http://127.0.0.1:4200, found", "at http://127.0.0.1:4200, found"),
        ("at 'http://h/a', found \"http://h/b\".", "at 'http://h/a', found \"http://h/b\"."),
        ("1https://me:pw@h/ " + "a" * 100 + "://me:pw@h/", "1https://***@h/ " + "a" * 100 + "://***@h/"),
    ],
)
def test_quotes_and_brackets_around_urls_inside_text(text, redacted):
    """Characters that may belong to a secret are masked; a mark that closes one opened before the URL is kept."""
    assert redact_text(text) == redacted


@pytest.mark.parametrize(
    "name",
    [
        "code",
        "sid",
        "connect.sid",
        "session",
        "php_session",
        "PHPSESSID",
        "sess_id",
        "ASPSESSIONIDABC",
        "ticket",
        "oauth_verifier",
        "csrfmiddlewaretoken",
        "xsrf",
        "SAMLResponse",
        "access_code",
        "hdnea",
        "sign",
        "otp",
        " sid ",
    ],
)
def test_names_that_are_masked_in_urls(name):
    """Sessions and one-time codes are masked in URLs, although settings may contain parameters of these names."""
    assert is_masked_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "state",
        "nonce",
        "country_code",
        "zipcode",
        "codec",
        "inside",
        "possession",
        "obsession",
        "q",
        "X-Amz-Date",
        "sv",
        "design",
        "passenger_count",
        "barcode",
        "signal",
        "pwm",
        "residence",
    ],
)
def test_names_that_are_not_masked(name):
    """Names that are not masked are not secret names either."""
    assert not is_masked_name(name)
    assert not is_secret_name(name)


def test_what_only_may_be_a_secret_may_stand_in_settings():
    """`airnub check` rejects secrets in files, and many APIs use `code` for a country."""
    assert not any(map(is_secret_name, ("code", "sid", "session", "sign", "ticket")))


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=8), st.text(min_size=1))
def test_a_password_never_survives(password, user):
    """No password remains in the result, whatever the user and the password are."""
    for url in (f"https://{quote(user, safe='')}:{password}@example.org/", f"https://example.org/?token={password}"):
        assert password not in redact_url(url).replace("example", "")


@given(url=ANY_URL)
@example(url="http://[")
@example(url="http://\u2100/")
def test_any_text_is_redacted_once(url):
    """Any text is redacted without an error, and redacting it again changes nothing."""
    once = redact_url(url)
    assert redact_url(once) == once
    assert redact_text(redact_text(url)) == redact_text(url)


@given(url=PLAIN_URL | ANY_URL)
@example(url="http://exa\nmple.org/\t?to\nken=x")
def test_the_fast_way_says_what_the_slow_way_says(url):
    """The fast path for URLs without special characters returns the same as the slow path."""
    assert redact_url(url) == _redacted(url)


@given(
    secret=SECRETS,
    name=SECRET_NAMES,
    before=st.lists(st.tuples(HARMLESS_NAMES, WORDS), max_size=3),
    after=st.lists(st.tuples(HARMLESS_NAMES, WORDS), max_size=3),
    mark=st.sampled_from("?#"),
    separator=st.sampled_from("&;"),
)
def test_no_secret_parameter_survives(secret, name, before, after, mark, separator):
    """No secret parameter remains, at any position and in any case; other parameters are kept."""
    parameters = [f"{one}={quote(value, safe='')}" for one, value in before]
    behind = [f"{one}={quote(value, safe='')}" for one, value in after]
    for written in (name, name.upper(), name.lower(), f"%{ord(name[0]):02x}{name[1:]}"):
        url = f"https://example.org/a{mark}{separator.join([*parameters, f'{written}={secret}', *behind])}"
        redacted = redact_url(url)
        assert secret not in redacted
        assert f"{written}={MASK}" in redacted
        assert redacted.startswith(f"https://example.org/a{mark}{separator.join(parameters)}")
        assert secret not in redact_text(f"asked {url}, found nothing")


@given(
    host=st.sampled_from(["example.org", "[::1]:8080", "k\u00f6ln.de"]),
    path=st.lists(st.text("abc/%20:;=", max_size=9), max_size=3).map("/".join),
    query=st.lists(st.tuples(HARMLESS_NAMES, WORDS), max_size=4).map(urlencode),
    fragment=st.sampled_from(["", "#top", "#p=2"]),
)
def test_a_url_without_secrets_is_unchanged(host, path, query, fragment):
    """A URL without secrets is returned unchanged."""
    url = f"https://{host}/{path}?{query}{fragment}"
    assert redact_url(url) == url


@given(secret=SECRETS, user=WORDS, scheme=st.sampled_from(["https", "postgresql", "s3", "HTTP"]))
def test_no_credentials_survive(secret, user, scheme):
    """A password or a token in place of the user is masked, including any `@` in it."""
    for credentials in (f"{quote(user, safe='')}:{secret}", secret, f"{quote(user, safe='')}@{secret}", f"{secret}:"):
        url = f"{scheme}://{credentials}@example.org/a"
        assert secret not in redact_url(url)
        assert secret not in redact_text(f"({url})")


AROUND = st.sampled_from(
    ["'", '"', "`", "(", ")", "[", "]", "{", "}", "<", ">", ",", ".", ";", ":", "!", "\\", "%27", "%5D", "%"]
)
ODD_SECRETS = st.lists(AROUND | SECRETS, min_size=1, max_size=6).map("".join)
ENCLOSED = st.sampled_from(["{}", "'{}'", '"{}"', "`{}`", "({})", "[{}]", "<{}>", "{{{}}}", "('{}')", "'{}',", "({})."])


@given(secret=ODD_SECRETS, name=SECRET_NAMES, enclosed=ENCLOSED)
@example(secret="ab'cd", name="token", enclosed="{}")
def test_no_part_of_a_secret_survives_in_text(secret, name, enclosed):
    """No part of a secret remains, whatever characters it contains and whatever surrounds the URL."""
    for parameter in (f"a?page=2&{name}=", f"a?{name}=", f"a#{name}="):
        url = f"https://example.org/{parameter}{secret}"
        masked = f"https://example.org/{parameter}{MASK}"
        assert redact_url(url) == masked
        redacted = redact_text(f"asked {enclosed.format(url)} today")
        # Only characters that enclose the URL may follow the mask.
        start, _, behind = redacted.partition(MASK)
        assert start == f"asked {enclosed.format(url).partition('https')[0]}https://example.org/{parameter}"
        assert behind in {
            f"{enclosed.rpartition('}')[2]} today",
            f"{enclosed.format('|').rpartition('|')[2]} today",
            " today",
        }


@given(
    secret=ODD_SECRETS.filter(lambda text: "/" not in text),
    name=SECRET_NAMES,
    after=st.sampled_from(["", "/b", "?page=2"]),
)
def test_no_part_of_a_secret_survives_in_a_path(secret, name, after):
    """Secrets after `;` are masked up to the end of the path segment."""
    assert redact_url(f"https://example.org/a;{name}={secret}{after}") == f"https://example.org/a;{name}={MASK}{after}"


@given(secret=SECRETS, name=SECRET_NAMES, times=st.integers(1, 3))
def test_no_secret_survives_in_a_url_inside_a_url(secret, name, times):
    """Secrets in nested URLs are masked up to the maximum number of encodings."""
    for inner in (f"https://h/cb?page=2&{name}={secret}", f"/cb?{name}={secret}", f"https://me:{secret}@h/"):
        encoded = inner
        for _ in range(times):
            encoded = quote(encoded, safe="")
        for url in (f"https://example.org/?next={encoded}&page=2", f"https://example.org/p/{encoded}/x"):
            assert secret not in redact_url(url)
            assert secret not in redact_text(f"asked {url}.")
