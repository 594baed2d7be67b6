"""Errors."""

import pickle
from dataclasses import dataclass, field

import pytest

from airnub_core import errors

URL = "https://me:pass@example.org/a?token=s3cret&page=2"
REDACTED = "https://***@example.org/a?token=***&page=2"

EXAMPLES = [
    errors.ConnectionFailedError(URL, "Connection refused"),
    errors.TlsError(URL, "self-signed certificate"),
    errors.TransferTimeoutError(URL, "stall_timeout", 30),
    errors.ProtocolError(URL, "illegal status line"),
    errors.RefusedAddressError(URL, "localhost", "127.0.0.1"),
    errors.RefusedUrlError(URL, "'ftp://h/'"),
    errors.RefusedHeaderError(URL, "authorization"),
    errors.RobotsRefusedError(URL),
    errors.MissingSecretError(URL, "secret/of-an-api", "Set it"),
    errors.HttpStatusError(URL, 503, retry_after=1.5),
    errors.TooManyRedirectsError(URL, 5),
    errors.TruncatedBodyError(URL, 48219, 17),
    errors.TruncatedBodyError(URL, None, 17),
    errors.TooLargeError(URL, 1000),
    errors.ContentEncodingError(URL, "br"),
    errors.NotJsonError(URL, "nothing"),
    errors.MissingPathError(URL, "a.b", "a list", "null"),
    errors.TooManyPagesError(URL, 1000),
    errors.PageError(URL, "no links"),
    errors.WorkerLostError(URL, -9),
]
STORE_EXAMPLES = [
    errors.DatasetError("weather", "expected rows, found none"),
    errors.NoObjectsError("weather", "expected .csv files, found none"),
    errors.StoreError("/store", "No space left on device", advice="free space"),
    errors.DamagedObjectError("/store/x", "expected a, found b"),
    errors.DamagedManifestError("/store/x", "not a manifest"),
    errors.DamagedIndexError("/store/x", "not a database"),
]


def test_every_error_has_an_example_here():
    """The tree and these tests grow together."""
    tree = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.IngestError)}
    assert tree == {type(example) for example in EXAMPLES + STORE_EXAMPLES} | {errors.IngestError, errors.ItemError}


def test_the_docstring_draws_the_tree():
    """A reader sees every error at the top of the file."""
    for example in EXAMPLES + STORE_EXAMPLES:
        assert type(example).__name__ in errors.__doc__


@pytest.mark.parametrize("error", EXAMPLES + STORE_EXAMPLES, ids=lambda error: type(error).__name__)
def test_errors_survive_pickling(error):
    """Prefect carries them between processes: fields, message and attempts are the same afterwards."""
    if isinstance(error, errors.ItemError):
        error.attempts, error.kept = 3, 17
    copy = pickle.loads(pickle.dumps(error))
    assert copy == error
    assert str(copy) == str(error)
    assert hash(copy) == hash(error)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_messages_name_the_url_and_no_secret(error):
    """What failed can be looked up, by whoever reads the log."""
    assert str(error).startswith(f"{REDACTED}: ")
    assert "s3cret" not in str(error) + repr(error) + str(error.as_json())


@pytest.mark.parametrize("error", EXAMPLES + STORE_EXAMPLES, ids=lambda error: type(error).__name__)
def test_errors_as_they_are_published(error):
    """Type, message, and whether a retry may help."""
    assert error.as_json() == {"type": type(error).__name__, "message": str(error), "transient": error.transient}


def test_errors_compare_by_their_fields():
    """How often it was tried makes no other error; another status does."""
    assert errors.HttpStatusError(URL, 404, attempts=1) == errors.HttpStatusError(URL, 404, attempts=4)
    assert errors.HttpStatusError(URL, 404) != errors.HttpStatusError(URL, 410)
    assert errors.StoreError("a", "b") != errors.DamagedObjectError("a", "b")


def test_the_message_says_how_often_it_was_tried():
    """Once goes without saying."""
    assert str(errors.TooLargeError(URL, 1)).endswith("the partial body was deleted")
    assert str(errors.ConnectionFailedError(URL, "x", attempts=4)).endswith("; gave up after 4 attempts")


def test_the_message_says_what_is_kept():
    """So that nobody is afraid to run it again."""
    message = str(errors.TruncatedBodyError(URL, 2_000_000, 1_048_576, kept=1_048_576))
    assert message.endswith("; 1,048,576 bytes are kept, and the next run resumes from there")
    assert errors.TruncatedBodyError(URL, 2, 1, kept=1) == errors.TruncatedBodyError(URL, 2, 1)


@pytest.mark.parametrize(
    ("status", "how"),
    [(-9, "killed by signal 9); is there enough memory?"), (-11, "killed by signal 11)"), (1, "exit status 1)")],
)
def test_how_a_process_was_lost(status, how):
    """How it ended, after how many attempts, and that another run may help."""
    error = errors.WorkerLostError(URL, status, attempts=4)
    assert str(error).endswith(f"found that its process exited first ({how}; gave up after 4 attempts")
    assert error.transient


@pytest.mark.parametrize(
    ("status", "transient"),
    [(404, False), (403, False), (408, True), (425, True), (429, True), (500, True), (599, True)],
)
def test_which_statuses_may_heal(status, transient):
    """As the RFCs say."""
    assert errors.HttpStatusError(URL, status).transient is transient


@pytest.mark.parametrize("limit", ["connect_timeout", "stall_timeout", "total_timeout"])
def test_a_timeout_names_its_setting(limit):
    """So that it can be changed."""
    assert f"within 30 s ({limit})" in str(errors.TransferTimeoutError(URL, limit, 30))


def test_a_url_inside_an_explanation_is_redacted():
    """A server's own words may hold one."""
    assert "s3cret" not in str(errors.PageError("http://h/", f"see {URL}"))


def test_an_error_of_the_system_as_one_of_the_store():
    """Its own file name counts, else the one that is known."""
    assert errors.StoreError.of(OSError(13, "Permission denied", "/x"), "/store") == errors.StoreError(
        "/x", "Permission denied"
    )
    assert errors.StoreError.of(OSError("odd"), "/store") == errors.StoreError("/store", "odd")
    assert str(errors.StoreError.of(OSError(28, "No space left on device"), "/store")) == (
        "/store: No space left on device; free space, or inodes, on its file system, "
        "then run again, which continues where it stopped; objects stored before are intact"
    )
    renaming = OSError(13, "Permission denied", "/from", None, "/to")
    assert errors.StoreError.of(renaming, "/store") == errors.StoreError("/to", "Permission denied")


@dataclass(eq=True, unsafe_hash=True)
class Decorated(errors.ItemError):
    """As departments wrote their errors before subclasses were dataclasses by themselves."""

    reason: str = field(default="", kw_only=True)
    code: int


def test_an_error_of_a_department_may_have_a_decorator_of_its_own():
    """With options of its fields, and a hash of its own."""
    error = Decorated(URL, 7, reason="late")
    assert (error.url, error.code, error.reason) == (REDACTED, 7, "late")
    assert pickle.loads(pickle.dumps(error)) == error
    assert hash(error) == hash(Decorated(URL, 7, reason="late"))
    assert error != Decorated(URL, 8, reason="late")
