"""A new password: what is typed, and in which order. tests/docker does it to a database."""

import pytest

from airnub_cli.rotate.password import DATABASES, FILE, RotationError, compose_in, rotate


class Compose:
    """Remembers what it is given; the role has the password `old`."""

    def __init__(self, fails=None):
        self.fails, self.calls = fails, []

    def __call__(self, *arguments, stdin=""):
        self.calls.append((" ".join(arguments), stdin))
        if self.fails and self.fails in self.calls[-1][0]:
            raise RotationError(self.fails)
        return "old" if f"cat {FILE}" in self.calls[-1][0] else ""


def test_the_database_is_first_and_then_who_reads_the_password():
    """The role has it before the file, and the file before the server; it is in no command line."""
    compose = Compose()
    rotate(DATABASES["database"], compose)
    read, altered, saved, restarted, waited = compose.calls
    assert read[0] == f"exec -T postgres cat {FILE}"
    assert altered[0].startswith("exec -T postgres psql ")
    password = saved[1]
    assert len(password) == 32
    assert altered[1] == f"ALTER ROLE prefect PASSWORD '{password}';\n"
    assert restarted[0] == "restart server"
    assert "--wait server" in waited[0]
    assert not [call for call, _ in compose.calls if password in call]


def test_two_are_different():
    """They are random."""
    passwords = []
    for _ in range(2):
        compose = Compose()
        rotate(DATABASES["index"], compose)
        passwords.append(compose.calls[-1][1])
    assert len({*passwords, "old"}) == 3


def test_a_password_of_an_operator():
    """With a quote in it."""
    compose = Compose()
    rotate(DATABASES["database"], compose, "it's mine")
    assert compose.calls[1][1] == "ALTER ROLE prefect PASSWORD 'it''s mine';\n"
    assert compose.calls[2][1] == "it's mine"


def test_the_password_that_it_has_already():
    """The setting is named, and nothing is changed."""
    compose = Compose()
    with pytest.raises(RotationError, match=r"POSTGRES_PASSWORD in .env: expected a new password or none"):
        rotate(DATABASES["database"], compose, "old")
    assert len(compose.calls) == 1


@pytest.mark.parametrize(("fails", "after"), [("cat /var", 1), ("psql", 2), ("sh -c", 3)])
def test_a_step_that_fails_is_the_last(fails, after):
    """A database that refuses keeps its file, and the server is not started again."""
    compose = Compose(fails)
    with pytest.raises(RotationError):
        rotate(DATABASES["database"], compose)
    assert len(compose.calls) == after


def test_without_docker(tmp_path, monkeypatch):
    """What is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RotationError, match="expected the command docker, found none"):
        compose_in(tmp_path)("ps")


def test_a_command_that_fails(tmp_path, monkeypatch):
    """It is named, with what it printed."""
    (tmp_path / "docker").write_text("#!/bin/sh\necho no such service >&2\nexit 3\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(RotationError, match="`docker compose restart server` to succeed, found status 3: no such"):
        compose_in(tmp_path)("restart", "server")
