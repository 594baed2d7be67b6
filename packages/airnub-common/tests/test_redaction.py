"""Redaction."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_common import redact_text, redact_url


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
