"""Redaction."""

from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airnub_common import MASK, redact_text, redact_url
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
    ]
)
HARMLESS_NAMES = st.sampled_from(["page", "format", "q", "year", "author", "monkey", "offset", "tokyo", "code"])
WORDS = st.text(st.characters(codec="utf-8"), max_size=8)
SECRETS = st.text("ghijkmnpqrvwxyz0123456789", min_size=12, max_size=30)
ANY_URL = st.text() | st.from_regex(r"[a-z]{0,5}:?/{0,2}[\[\]a-z.:@%;=&?#/\\-]*", fullmatch=True)
PLAIN_URL = st.text(st.characters(min_codepoint=0, max_codepoint=127, exclude_characters="@?#[]"))


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://example.org/a?page=2", "https://example.org/a?page=2"),
        ("https://example.org/monkey?keyboard=1&tokyo=2", "https://example.org/monkey?keyboard=1&tokyo=2"),
        ("https://example.org/?author=smith&code=US", "https://example.org/?author=smith&code=US"),
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
    """Credentials and signatures are masked; what is no secret is left to the letter."""
    assert redact_url(url) == redacted


def test_urls_inside_text():
    """Every URL of a message is redacted, and the sentence around it kept."""
    text = "GET https://a:b@example.org/x?sig=1 failed (see https://example.org/help)."
    assert redact_text(text) == "GET https://***@example.org/x?sig=*** failed (see https://example.org/help)."


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=8), st.text(min_size=1))
def test_a_password_never_survives(password, user):
    """Whatever user and password are, the password is not in what is written."""
    for url in (f"https://{quote(user, safe='')}:{password}@example.org/", f"https://example.org/?token={password}"):
        assert password not in redact_url(url).replace("example", "")


@given(url=ANY_URL)
@example(url="http://[")
@example(url="http://\u2100/")
@settings(max_examples=400, deadline=None)
def test_any_text_is_redacted_once(url):
    """Never an error; the second time changes nothing."""
    once = redact_url(url)
    assert redact_url(once) == once
    assert redact_text(redact_text(url)) == redact_text(url)


@given(url=PLAIN_URL | ANY_URL)
@example(url="http://exa\nmple.org/\t?to\nken=x")
@settings(max_examples=400, deadline=None)
def test_the_fast_way_says_what_the_slow_way_says(url):
    """Most URLs hold nothing that is masked; they are told from the others without being taken apart."""
    assert redact_url(url) == _redacted(url)


@given(
    secret=SECRETS,
    name=SECRET_NAMES,
    before=st.lists(st.tuples(HARMLESS_NAMES, WORDS), max_size=3),
    after=st.lists(st.tuples(HARMLESS_NAMES, WORDS), max_size=3),
    mark=st.sampled_from("?#"),
    separator=st.sampled_from("&;"),
)
@settings(max_examples=400, deadline=None)
def test_no_secret_parameter_survives(secret, name, before, after, mark, separator):
    """Wherever it stands, in whatever case, and what is no secret is still there."""
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
@settings(max_examples=300, deadline=None)
def test_a_url_without_secrets_is_unchanged(host, path, query, fragment):
    """To the letter."""
    url = f"https://{host}/{path}?{query}{fragment}"
    assert redact_url(url) == url


@given(secret=SECRETS, user=WORDS, scheme=st.sampled_from(["https", "postgresql", "s3", "HTTP"]))
@settings(max_examples=300, deadline=None)
def test_no_credentials_survive(secret, user, scheme):
    """A user with a password, or a token in the user's place; an `@` inside does not end them early."""
    for credentials in (f"{quote(user, safe='')}:{secret}", secret, f"{quote(user, safe='')}@{secret}", f"{secret}:"):
        url = f"{scheme}://{credentials}@example.org/a"
        assert secret not in redact_url(url)
        assert secret not in redact_text(f"({url})")
