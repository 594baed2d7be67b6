"""A finding: what was found, how bad it is, and what to type."""

from airnub_cli.doctor.finding import fine, missing, odd


def test_what_is_wrong_says_what_mends_it():
    """What is fine needs nothing."""
    assert fine("uv", "0.9").as_json() == {"name": "uv", "level": "fine", "found": "0.9", "mend": None}
    assert odd("uv", "old", "pip install uv").mend == "pip install uv"
    assert missing("uv", "none", "pip install uv").level == "missing"
