"""The Prefect API: errors have what to do; comparison of objects."""

import json

import httpx
import pytest
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from airnub_cli.prefect_api import Action, BackendError, PrefectServer, differences, path_of, prefect_server, unchanged
from airnub_prefect.embedded.server import EmbeddedServer


class Answers:
    """A client with one answer for all requests."""

    api_url = "http://somebody:hunter2@prefect.example.org/api/"

    def __init__(self, status, document=None, text=None):
        self._answer = httpx.Response(
            status,
            content=text or json.dumps(document),
            request=httpx.Request("POST", "http://prefect.example.org/api/x"),
        )

    def request(self, *_, **__):
        if self._answer.is_error:
            raise PrefectHTTPStatusError("no", request=self._answer.request, response=self._answer)
        return self._answer


@pytest.mark.parametrize("status", [401, 403])
def test_denied_access_names_the_setting(status):
    """The password of the URL is not repeated."""
    with pytest.raises(BackendError, match=rf"denies access: it answered {status}.*PREFECT_API_AUTH_STRING") as raised:
        PrefectServer(Answers(status)).all("/x")
    assert "hunter2" not in str(raised.value)


def test_something_else_at_the_url():
    """A Prefect server always has its filters; an object may be missing."""
    with pytest.raises(BackendError, match="PREFECT_API_URL ends in /api"):
        PrefectServer(Answers(404)).all("/x")
    assert PrefectServer(Answers(404)).get("/x") is None


def test_the_web_interface_instead_of_the_api():
    """A URL without /api answers every request with a page."""
    with pytest.raises(BackendError, match=r"expected JSON of a Prefect API .* GET /x; PREFECT_API_URL ends in /api"):
        PrefectServer(Answers(200, text="<html>")).get("/x")


def test_an_error_of_the_server():
    """Its log has the cause."""
    with pytest.raises(BackendError, match=r"with 500: no; see the log of the server, then run this again$"):
        PrefectServer(Answers(500, {"detail": "no"})).post("/x", {})


def test_a_refusal_names_places_and_not_values():
    """The request may contain secrets, which the response may repeat."""
    document = {"exception_detail": [{"loc": ["body", "name"], "msg": "too long", "input": "hunter2"}]}
    with pytest.raises(BackendError, match=r"with 422: body.name: too long") as raised:
        PrefectServer(Answers(422, document)).post("/x", {})
    assert "hunter2" not in str(raised.value)


def test_a_server_that_does_not_answer():
    """The error has the URL, and the command that starts a server."""
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        prefect_server() as server,
        pytest.raises(BackendError, match=r"expected a Prefect server at http://127.0.0.1:9/api.*found none"),
    ):
        server.all("/variables/filter")


def test_no_server_is_configured():
    """None is started implicitly."""
    with (
        temporary_settings(restore_defaults={PREFECT_API_URL}),
        pytest.raises(BackendError, match="set PREFECT_API_URL"),
        prefect_server(),
    ):
        pass


def test_a_long_list_has_several_pages():
    """All of them are read."""

    class Pages(Answers):
        def request(self, *_, json, **__):
            rows = list(range(450))[json["offset"] : json["offset"] + json["limit"]]
            return httpx.Response(200, json=rows)

    assert PrefectServer(Pages(200)).all("/x") == list(range(450))


def test_names_in_paths():
    """A slash in a name is escaped."""
    assert path_of("work_pools", "a b/c") == "/work_pools/a%20b%2Fc"


@pytest.mark.system
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_password_on_a_real_server(tmp_path, monkeypatch):
    """The right one grants access; a wrong or missing one gives the error with the setting."""
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "admin:right")
    running = EmbeddedServer(home=tmp_path)
    running.start()
    try:
        running.wait_until_ready()
        for password in ("admin:right", "admin:wrong", None):
            settings = {PREFECT_API_URL: running.url, PREFECT_API_AUTH_STRING: password}
            with temporary_settings(settings), prefect_server() as server:
                if password == "admin:right":
                    assert server.all("/variables/filter") == []
                else:
                    with pytest.raises(BackendError, match="answered 401") as raised:
                        server.all("/variables/filter")
                    assert "wrong" not in str(raised.value)
    finally:
        running.stop()


def test_differences_name_places_and_no_values():
    """Deep in mappings; lists as a whole; keys of one side."""
    wanted = {"network": {"max": 1, "same": 2}, "urls": ["secret"], "new": 1}
    found = {"network": {"max": 3, "same": 2}, "urls": ["other"], "old": 1}
    assert list(differences(wanted, found)) == ["network.max", "new", "old", "urls"]


def test_equal_values_of_other_types_differ():
    """In JSON, `true` is not 1."""
    assert list(differences({"a": True}, {"a": 1})) == ["a"]
    assert list(differences("x", "y")) == ["value"]
    assert list(differences({"a": [1]}, {"a": [1]})) == []


def test_an_unchanged_object_can_be_sent():
    """It sends nothing."""
    change = unchanged("block", "secret/x", ("paused",))
    change.send()
    assert change.as_json() == {
        "kind": "block", "name": "secret/x", "action": Action.UNCHANGED.value, "different": [], "kept": ["paused"]
    }  # fmt: skip
