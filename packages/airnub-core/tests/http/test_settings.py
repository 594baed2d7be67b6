"""Network settings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from airnub_core.http.settings import LARGEST, LONGEST, NetworkOverrides, NetworkSettings, checked_entry

MODELS = [NetworkSettings, NetworkOverrides]
TIMES = ["connect_timeout", "stall_timeout", "total_timeout"]
SECONDS = st.floats(min_value=0.001, max_value=30 * 24 * 3600)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "connections": st.integers(1, 1024),
        "connections_per_host": st.integers(1, 1024),
        "requests_per_second_per_host": st.floats(min_value=0.001, max_value=1e6),
        "max_bytes": st.integers(1, 2**63 - 1),
        "connect_timeout": SECONDS,
        "stall_timeout": SECONDS,
        "total_timeout": SECONDS,
        "attempts": st.integers(1, 100),
        "allow_private_hosts": st.booleans()
        | st.lists(st.sampled_from(["localhost", "Intranet.example.org.", "10.0.0.0/8", "fd00::1", "127.0.0.1"])),
    },
)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (17, 17),
        ("17", 17),
        ("1kB", 1000),
        ("2MB", 2 * 1000**2),
        ("3GB", 3 * 1000**3),
        ("1KiB", 1024),
        ("2MiB", 2 * 1024**2),
        ("2GiB", 2 * 1024**3),
        ("1 GiB", 1024**3),
    ],
)
def test_sizes_have_suffixes(written, size):
    """A plain integer is bytes, a suffix is decimal or binary as it says."""
    assert NetworkSettings(max_bytes=written).max_bytes == size


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("written", "size"),
    [
        (1, 1),
        ("1", 1),
        (2**63 - 1, 2**63 - 1),
        (str(2**63 - 1), 2**63 - 1),
        ("9223372036854775807B", 2**63 - 1),
        ("7.999999999999999999EiB", 2**63 - 2),
        ("7EiB", 7 * 2**60),
        ("9.2EB", 92 * 10**17),
        ("1.5kB", 1500),
        (".5KiB", 512),
        (1000.0, 1000),
    ],
)
def test_sizes_up_to_the_largest_are_exact(model, written, size):
    """From 1 byte to 2^63 - 1, without the rounding of a float."""
    assert model(max_bytes=written).max_bytes == size


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "written",
    [
        "10EiB",
        "8EiB",
        2**63,
        str(2**63),
        2**64,
        10**400,
        10**5000,
        "9" * 400,
        "9" * 400 + "B",
        "9" * 5000 + "GiB",
        1e30,
        "1e30",
        float("inf"),
        float("-inf"),
        float("nan"),
        "inf",
        "nan",
        0,
        "0",
        "0.5",
        "0GiB",
        -1,
        "-1",
        "-2GiB",
        1.5,
        True,
        [],
        "2GiB!!",
        "2 GiB each",
        "\u00b2",
        "",
        " ",
    ],
    ids=lambda written: "huge" if isinstance(written, int) and written >= 10**400 else repr(written)[:20],
)
def test_other_sizes_are_refused_with_the_range(model, written):
    """Not with an OverflowError, here or later in libcurl."""
    with pytest.raises(ValidationError) as error:
        model(max_bytes=written)
    [detail] = [one for one in error.value.errors() if one["type"] == "value_error"]
    assert "expected a size from 1 to 9,223,372,036,854,775,807 bytes, such as 2GiB" in detail["msg"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("key", TIMES)
@pytest.mark.parametrize("written", [0.001, 1, "1", "0.5", 30.0, 30 * 24 * 3600, "2592000", 2592000.0])
def test_times_from_a_millisecond_to_30_days(model, key, written):
    """In seconds."""
    assert getattr(model(**{key: written}), key) == float(written)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("key", TIMES)
@pytest.mark.parametrize(
    "written",
    [
        0,
        0.0009,
        5e-324,
        -1,
        "-1",
        LONGEST + 1,
        1e30,
        "1e30",
        10**400,
        10**5000,
        "9" * 5000,
        float("inf"),
        float("-inf"),
        float("nan"),
        "inf",
        "nan",
        "30s",
        "",
        True,
        [],
    ],
    ids=lambda written: "huge" if isinstance(written, int) and written >= 10**400 else repr(written)[:20],
)
def test_other_times_are_refused_with_the_range(model, key, written):
    """Not with an OverflowError, here or later in libcurl."""
    with pytest.raises(ValidationError) as error:
        model(**{key: written})
    [detail] = [one for one in error.value.errors() if one["type"] == "value_error"]
    assert "expected a time from 0.001 to 2,592,000 seconds (30 days)" in detail["msg"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("written", [0, -1, 1e-9, 5e-324, 10**400, float("inf"), float("nan"), "nan", "fast", True])
def test_a_rate_of_less_than_one_request_in_30_days_is_refused(model, written):
    """Its inverse is a time, which would overflow too."""
    with pytest.raises(ValidationError, match="expected requests a second, one in 30 days"):
        model(requests_per_second_per_host=written)
    assert model(requests_per_second_per_host="0.5").requests_per_second_per_host == 0.5
    assert model(requests_per_second_per_host=1 / LONGEST).requests_per_second_per_host == 1 / LONGEST


@pytest.mark.parametrize("key", ["connections", "connections_per_host", "attempts"])
@pytest.mark.parametrize("written", [0, -1, 2**63, 10**400, 1e30, float("inf"), float("nan"), "many"])
def test_counts_have_a_range(key, written):
    """Whatever is written there, it is a mistake and not an overflow."""
    for model in MODELS:
        with pytest.raises(ValidationError):
            model(**{key: written})


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_bytes": "2 apples"},
        {"max_bytes": 0},
        {"max_bytes": -1},
        {"connections": 0},
        {"connections_per_host": 5000},
        {"attempts": 0},
        {"stall_timeout": 0},
        {"total_timeout": float("inf")},
        {"connect_timeout": float("nan")},
        {"requests_per_second_per_host": 0},
        {"conections": 1},
        {"allow_private_hosts": "intranet.example.org"},
        {"allow_private_hosts": {"a": "b"}},
        {"allow_private_hosts": [True]},
        {"allow_private_hosts": [10]},
        {"allow_private_hosts": ["h", "http://h/"]},
    ],
)
@pytest.mark.parametrize("model", [NetworkSettings, NetworkOverrides])
def test_wrong_settings_are_refused(model, wrong):
    """Zero, endless, unreadable and misspelt settings are errors."""
    with pytest.raises(ValidationError):
        model(**wrong)


@given(VALUES)
def test_settings_survive_a_round_trip_through_json(values):
    """What a Variable holds is what was written into it."""
    settings = NetworkSettings(**values)
    assert NetworkSettings.model_validate_json(settings.model_dump_json()) == settings
    overrides = NetworkOverrides(**values)
    assert NetworkOverrides.model_validate_json(overrides.model_dump_json()) == overrides


@given(department=VALUES, source=VALUES)
def test_a_source_overrides_what_it_names(department, source):
    """What the source says counts, also `false`; all else is the department's."""
    merged = NetworkOverrides(**source).network(NetworkSettings(**department))
    assert merged == NetworkSettings(**department).model_copy(
        update=NetworkSettings(**source).model_dump(include=source.keys())
    )


@given(
    number=st.integers(1, 10**6),
    space=st.sampled_from(["", " "]),
    suffix=st.sampled_from(
        [("", 1), ("B", 1), ("kB", 10**3), ("MB", 10**6), ("GB", 10**9), ("KiB", 2**10), ("MiB", 2**20), ("GiB", 2**30)]
    ),
)
def test_any_size_is_its_number_times_its_suffix(number, space, suffix):
    """In a source as in a department; and it is bytes in JSON."""
    written, factor = suffix
    for model in (NetworkSettings, NetworkOverrides):
        read = model(max_bytes=f"{number}{space}{written}")
        assert read.max_bytes == number * factor
        assert read.model_dump(mode="json")["max_bytes"] == number * factor


@given(st.text())
def test_any_text_is_a_size_or_an_error(written):
    """Never less than a byte, nor more than 64 bits can count."""
    try:
        read = NetworkSettings(max_bytes=written)
    except ValidationError:
        return
    assert 0 < read.max_bytes <= LARGEST


@given(st.text(min_size=1).filter(lambda name: name not in NetworkSettings.model_fields), st.integers())
def test_an_unknown_key_is_always_an_error(name, value):
    """Whatever it is called."""
    for model in (NetworkSettings, NetworkOverrides):
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            model.model_validate({name: value})


def test_a_list_of_private_hosts_is_kept_as_it_is_compared():
    """Names in lower case, networks as such, in the order in which they are written."""
    written = ["Intranet.Example.org.", "10.0.0.0/8", "FD00:0::1", "localhost"]
    expected = ("intranet.example.org", "10.0.0.0/8", "fd00::1", "localhost")
    for model in (NetworkSettings, NetworkOverrides):
        assert model(allow_private_hosts=written).allow_private_hosts == expected


def test_a_mistake_in_a_list_is_one_mistake_at_its_entry():
    """For a value that is neither a switch nor a list, the message says what it may be."""
    with pytest.raises(ValidationError) as error:
        NetworkSettings(allow_private_hosts=["localhost", "http://h/", "*.example.org"])
    assert [one["loc"] for one in error.value.errors()] == [
        ("allow_private_hosts", "list", 1),
        ("allow_private_hosts", "list", 2),
    ]
    with pytest.raises(ValidationError, match="expected true, false, or a list of host names and networks"):
        NetworkSettings(allow_private_hosts="localhost")


@pytest.mark.parametrize(
    ("written", "entry"),
    [
        ("intranet.example.org", "intranet.example.org"),
        (" Intranet.Example.ORG. ", "intranet.example.org"),
        ("site", "site"),
        ("_a-1.b", "_a-1.b"),
        ("köln.example", "xn--kln-sna.example"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.1/32", "10.0.0.1/32"),
        ("10.0.0.1", "10.0.0.1"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("169.254.0.0/16", "169.254.0.0/16"),
        ("169.254.1.1", "169.254.1.1"),
        ("FD00::/8", "fd00::/8"),
        ("::1", "::1"),
        ("fe80::/10", "fe80::/10"),
    ],
)
def test_entries(written, entry):
    """Names, addresses and networks, as they are compared; checked again they stay as they are."""
    assert checked_entry(written) == entry
    assert checked_entry(entry) == entry


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "such as"),
        ("http://h/", "without scheme and path"),
        ("h/path", "prefix length after"),
        ("10.0.0.0/255.0.0.0", "prefix length after"),
        ("10.0.0.0/-1", "prefix length after"),
        ("10.0.0.0/", "prefix length after"),
        ("10.0.0.0/33", "an IPv4 or IPv6 network"),
        ("fd00::/129", "an IPv4 or IPv6 network"),
        ("h/8", "an IPv4 or IPv6 network"),
        ("10.0.0.1/8", "after the prefix: 10.0.0.0/8"),
        ("fd00::1/8", "after the prefix: fd00::/8"),
        ("*.example.org", "no wildcards"),
        ("10.0.0.*", "no wildcards"),
        ("h:80", "without a port"),
        ("10.0.0.1:80", "without a port"),
        ("[::1]:80", "without brackets"),
        ("[::1]", "without brackets"),
        ("fe80::1%eth0", "without `%`"),
        ("127.1", "write 127.0.0.1"),
        ("2130706433", "write 127.0.0.1"),
        ("me@h", "such as"),
        ("a b", "such as"),
        ("a..b", "such as"),
        ("ä b", "such as"),
        ("a" * 64, "such as"),
        ("169.254.169.254", "always blocked"),
        ("169.254.169.254/32", "always blocked"),
        ("fd00:ec2::254", "always blocked"),
        ("metadata.google.internal", "always blocked"),
        ("::ffff:10.0.0.1", "not in its IPv6 form"),
        ("::ffff:10.0.0.0/104", "not in its IPv6 form"),
    ],
)
def test_mistakes_in_a_list(written, said):
    """Each says what was expected, and what to write where that is known."""
    with pytest.raises(ValueError, match="expected a host name or a network such as") as error:
        checked_entry(written)
    assert said in str(error.value)


@given(st.text() | st.from_regex(r"[0-9a-fx.:/%*\[\]-]{1,40}", fullmatch=True))
def test_any_text_is_an_entry_or_a_mistake(text):
    """And an entry stays as it is."""
    try:
        entry = checked_entry(text)
    except ValueError:
        return
    assert checked_entry(entry) == entry
